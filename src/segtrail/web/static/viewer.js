"use strict";
// The viewer of a case: NiiVue, with controls that a keyboard reaches and words for what is under the mouse.
(async () => {
  const DIRECTIONS = ["LR", "PA", "IS"];
  // Cold colours for the reference, warm ones for the prediction, one of each for a class.
  const COLOURS = {
    reference: [[70, 160, 255], [0, 200, 160], [140, 130, 255], [150, 235, 255], [60, 150, 110]],
    prediction: [[255, 140, 0], [255, 90, 120], [240, 228, 66], [220, 120, 200], [190, 100, 40]],
  };
  const OPACITY = { image: 1, reference: 0.45, prediction: 0.9 };
  const MOST_LABELS = 255;
  const page = Object.fromEntries(
    ["viewer", "canvas", "said", "view", "layers", "legend", "no-viewer", "no-viewer-said"].map(
      (id) => [id, document.getElementById(id)],
    ),
  );
  const planes = [0, 1, 2].map((axis) => document.getElementById(`plane-${axis}`));
  const planesSaid = [0, 1, 2].map((axis) => document.getElementById(`plane-${axis}-said`));
  const classes = JSON.parse(page.viewer.dataset.classes);
  const shown = []; // the layers that could be loaded, in the order of the viewer's volumes
  const failed = [];

  if (typeof niivue === "undefined" || !document.createElement("canvas").getContext("webgl2")) return;
  page["no-viewer"].hidden = true;
  page.viewer.hidden = false;
  const viewer = new niivue.Niivue({
    backColor: [0, 0, 0, 1],
    crosshairColor: [1, 1, 1, 0.7],
    crosshairWidth: 0.8,
    crosshairWidthUnit: "mm",
    dragAndDropEnabled: false,
    fontColor: [1, 1, 1, 1],
    fontMinPx: 16,
    isRadiologicalConvention: true,
    loadingText: "",
    logLevel: "silent",
    multiplanarLayout: niivue.MULTIPLANAR_TYPE.GRID,
    multiplanarShowRender: niivue.SHOW_RENDER.ALWAYS,
    show3Dcrosshair: true,
  });
  try {
    await viewer.attachToCanvas(page.canvas);
    await loadAll(JSON.parse(page.viewer.dataset.layers));
  } catch (error) {
    giveUp(`The viewer could not start (${error.message}).`);
    return;
  }
  if (shown.length === 0) {
    giveUp(`${failed.join(" ")} Nothing is left to show.`);
    return;
  }
  viewer.setSliceType(niivue.SLICE_TYPE.MULTIPLANAR);
  connectControls();
  writeLegend();
  moveToOrgan();
  page.viewer.dataset.state = "ready";

  function giveUp(sentence) {
    page.viewer.hidden = true;
    page["no-viewer"].hidden = false;
    page["no-viewer-said"].textContent = `${sentence} Pictures of the report stand below, where it has some of this case.`;
  }

  async function loadAll(layers) {
    for (const layer of layers) {
      page.said.textContent = `Loading: ${layer.name}.`;
      try {
        await load(layer);
      } catch (error) {
        failed.push(`${layer.name} can’t be shown: the file is damaged or gone (${error.message ?? error}).`);
      }
    }
  }

  // One file after the other, so that a damaged one does not keep the others from being shown.
  async function load(layer) {
    const answer = await fetch(layer.url);
    if (!answer.ok) throw new Error(`the server answers ${answer.status}`);
    const isImage = layer.layer === "image";
    const opacity = isImage && shown.length > 0 ? 0 : OPACITY[layer.layer]; // of several channels the first is seen
    const volume = await niivue.NVImage.loadFromUrl({
      url: new URL(layer.url, window.location.href).href,
      buffer: await answer.arrayBuffer(),
      name: layer.url.split("/").pop(),
      opacity,
    });
    if (!volume || !volume.img || !volume.img.length) throw new Error("it holds no voxels");
    const entry = { ...layer, opacity, isImage, values: isImage ? [] : labelsIn(volume.img), areas: volume.img };
    if (!isImage) volume.setColormapLabel(labelMap(entry));
    if (layer.layer === "prediction") volume.img = outlinesOf(volume);
    viewer.addVolume(volume);
    shown.push(entry);
  }

  // The voxels of a label that have another one beside them, so that both label maps are seen where they agree.
  function outlinesOf(volume) {
    const [, nx, ny, nz] = volume.hdr.dims;
    const areas = volume.img;
    const outlines = new areas.constructor(areas.length);
    const steps = [1, nx, nx * ny];
    areas.forEach((value, index) => {
      if (value === 0) return;
      const place = [index % nx, Math.floor(index / nx) % ny, Math.floor(index / (nx * ny))];
      const isEdge = steps.some((step, axis) => {
        const last = [nx, ny, nz][axis] - 1;
        return place[axis] === 0 || place[axis] === last || areas[index - step] !== value || areas[index + step] !== value;
      });
      if (isEdge) outlines[index] = value;
    });
    return outlines;
  }

  function labelsIn(voxels) {
    const found = new Set();
    for (const value of voxels) if (value !== 0) found.add(value);
    return [...found].filter((value) => value > 0 && value <= MOST_LABELS).sort((a, b) => a - b);
  }

  function colourOf(layer, value) {
    return COLOURS[layer][(value - 1) % COLOURS[layer].length];
  }

  function nameOf(value) {
    return classes[value] ?? `label ${value}`;
  }

  function labelMap(layer) {
    const values = [0, ...layer.values];
    const colours = values.map((value) => (value === 0 ? [0, 0, 0] : colourOf(layer.layer, value)));
    return {
      R: colours.map((colour) => colour[0]),
      G: colours.map((colour) => colour[1]),
      B: colours.map((colour) => colour[2]),
      A: values.map((value) => (value === 0 ? 0 : 255)),
      I: values,
      labels: values.map((value) => (value === 0 ? "" : nameOf(value))),
    };
  }

  function connectControls() {
    page.view.addEventListener("change", () => viewer.setSliceType(Number(page.view.value)));
    shown.forEach(addLayer);
    planes.forEach((slider, axis) => {
      slider.max = viewer.volumes[0].dimsRAS[axis + 1] - 1;
      slider.addEventListener("input", () => moveTo(axis, Number(slider.value)));
    });
    viewer.onLocationChange = showPlace;
    page.canvas.addEventListener("pointermove", sayUnderMouse);
    page.canvas.addEventListener("pointerleave", showPlace);
  }

  function addLayer(layer, number) {
    const slider = Object.assign(document.createElement("input"), { id: `opacity-${number}`, type: "range", min: 0, max: 100 });
    slider.value = layer.opacity * 100;
    slider.addEventListener("input", () => viewer.setOpacity(number, Number(slider.value) / 100));
    page.layers.append(labelFor(slider, `${layer.name}, opacity`), slider);
    if (layer.isImage) return;
    const tick = Object.assign(document.createElement("input"), { id: `outlines-${number}`, type: "checkbox" });
    tick.checked = layer.layer === "prediction";
    tick.addEventListener("change", () => {
      const volume = viewer.volumes[number];
      volume.img = layer.areas;
      if (tick.checked) volume.img = outlinesOf(volume);
      viewer.updateGLVolume();
    });
    const label = labelFor(tick, "");
    label.className = "tick";
    label.append(tick, ` ${layer.name} as outlines`);
    page.layers.append(label);
  }

  function labelFor(control, text) {
    return Object.assign(document.createElement("label"), { htmlFor: control.id, textContent: text });
  }

  function writeLegend() {
    for (const layer of shown) {
      for (const value of layer.values) {
        const entry = document.createElement("li");
        const swatch = document.createElement("canvas");
        swatch.className = "swatch";
        swatch.width = swatch.height = 16;
        const context = swatch.getContext("2d");
        context.fillStyle = `rgb(${colourOf(layer.layer, value).join(", ")})`;
        context.fillRect(0, 0, 16, 16);
        entry.append(swatch, `${layer.name}: ${nameOf(value)}`);
        page.legend.append(entry);
      }
    }
    if (failed.length) {
      const warning = document.createElement("p");
      warning.className = "notice bad";
      warning.setAttribute("role", "alert");
      warning.textContent = failed.join(" ");
      page.viewer.prepend(warning);
    }
  }

  // Begins in the middle of what is segmented, or of the volume.
  function moveToOrgan() {
    const number = shown.findIndex((layer) => layer.values.length);
    const middle = number < 0 ? null : middleOfLabels(viewer.volumes[number], shown[number].areas);
    viewer.scene.crosshairPos = middle ?? [0.5, 0.5, 0.5];
    viewer.drawScene();
    showPlace();
  }

  function middleOfLabels(volume, areas) {
    const [, nx, ny] = volume.hdr.dims;
    let n = 0;
    const sum = [0, 0, 0];
    areas.forEach((value, index) => {
      if (value === 0) return;
      n += 1;
      sum[0] += index % nx;
      sum[1] += Math.floor(index / nx) % ny;
      sum[2] += Math.floor(index / (nx * ny));
    });
    const affine = volume.hdr.affine;
    const voxel = sum.map((total) => total / n);
    const mm = [0, 1, 2].map((row) => affine[row][0] * voxel[0] + affine[row][1] * voxel[1] + affine[row][2] * voxel[2] + affine[row][3]);
    return viewer.mm2frac(mm);
  }

  function moveTo(axis, slice) {
    const place = [...viewer.scene.crosshairPos];
    place[axis] = (slice + 0.5) / viewer.volumes[0].dimsRAS[axis + 1];
    viewer.scene.crosshairPos = place;
    viewer.drawScene();
    showPlace();
  }

  function showPlace() {
    const place = viewer.scene.crosshairPos;
    planes.forEach((slider, axis) => {
      const n = viewer.volumes[0].dimsRAS[axis + 1];
      const slice = Math.min(n - 1, Math.max(0, Math.floor(place[axis] * n)));
      slider.value = slice;
      slider.setAttribute("aria-valuetext", `slice ${slice + 1} of ${n}`);
      planesSaid[axis].textContent = `${slice + 1} of ${n}`;
    });
    page.said.textContent = `At the cross: ${inWords(viewer.frac2mm(place))}`;
  }

  function sayUnderMouse(event) {
    const scale = page.canvas.width / page.canvas.clientWidth;
    const place = viewer.canvasPos2frac([event.offsetX * scale, event.offsetY * scale]);
    if (place[0] >= 0) page.said.textContent = `Under the mouse: ${inWords(viewer.frac2mm(place))}`;
  }

  function inWords(mm) {
    const place = DIRECTIONS.map((signs, axis) => `${signs[mm[axis] < 0 ? 0 : 1]} ${Math.abs(mm[axis]).toFixed(1)}`);
    const values = viewer.volumes.map((volume, number) => `${shown[number].name}: ${valueAt(volume, mm, shown[number])}`);
    return [`${place.join(", ")} mm`, ...values].join("; ");
  }

  function valueAt(volume, mm, layer) {
    const voxel = [...volume.mm2vox([mm[0], mm[1], mm[2]])];
    if (voxel.some((index, axis) => index < 0 || index >= volume.dimsRAS[axis + 1])) return "outside";
    const seen = volume.img;
    volume.img = layer.areas;
    const value = volume.getValue(...voxel, volume.frame4D);
    volume.img = seen;
    if (layer.isImage) return String(Number(value.toPrecision(5)));
    return value === 0 ? "nothing" : nameOf(value);
  }
})();
