import hashlib
import sys

import pytest
import torch

from segtrail.errors import InputError

SOURCE = """
import torch

class Net(torch.nn.Conv3d):
    size_divisor = 4

    def __init__(self, in_channels, out_channels, width=3):
        super().__init__(in_channels, out_channels, width, padding=width // 2)

def text(in_channels, out_channels):
    return "no network"
"""


@pytest.fixture
def module(tmp_path, monkeypatch, request):
    """Write a module of one's own into the current directory and return its name, new for every test."""
    name = f"own_{hashlib.sha256(request.node.name.encode()).hexdigest()[:12]}"
    tmp_path.joinpath(f"{name}.py").write_text(SOURCE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [entry for entry in sys.path if entry])
    yield name
    sys.modules.pop(name, None)


def test_a_network_of_ones_own_is_built_from_the_current_directory(build, module):
    built = build({"name": f"{module}:Net", "arguments": {"width": 5}}, channels=2, classes=3)
    assert built.network.kernel_size == (5, 5, 5)
    assert built.network(torch.zeros(1, 2, 8, 8, 8)).shape == (1, 3, 8, 8, 8)


def test_its_source_is_hashed(build, module, tmp_path):
    built = build({"name": f"{module}:Net"})
    assert built.source_sha256 == hashlib.sha256((tmp_path / f"{module}.py").read_bytes()).hexdigest()


def test_the_networks_of_the_package_have_no_source_of_ones_own(build, tiny):
    assert build(tiny).source_sha256 is None


def test_its_divisor_is_asked_for(build, module):
    assert build({"name": f"{module}:Net"}).size_divisor == (4, 4, 4)
    with pytest.raises(InputError, match=r"patch\.patch_size=\[8, 16, 16\]"):
        build({"name": f"{module}:Net"}, (9, 16, 16))


def test_arguments_that_it_does_not_take_are_told(build, module):
    with pytest.raises(InputError, match=r"can't be built from model\.arguments: .*depth"):
        build({"name": f"{module}:Net", "arguments": {"depth": 3}})


def test_what_is_no_network_is_told(build, module):
    with pytest.raises(InputError, match="gives a str, not a torch module"):
        build({"name": f"{module}:text"})


def test_a_name_that_is_not_in_the_module_is_told(build, module):
    with pytest.raises(InputError, match=f"the module {module} has no Other"):
        build({"name": f"{module}:Other"})


def test_a_module_that_is_not_there_is_told(build):
    with pytest.raises(InputError, match="there is no module nowhere_at_all"):
        build({"name": "nowhere_at_all.nets:Net"})


def test_a_module_that_fails_on_import_is_told(build, module, tmp_path):
    tmp_path.joinpath(f"{module}.py").write_text("raise RuntimeError('broken inside')", encoding="utf-8")
    with pytest.raises(InputError, match="importing it failed: broken inside"):
        build({"name": f"{module}:Net"})
