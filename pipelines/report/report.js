"use strict";
(() => {
  const parse = (id) => JSON.parse(document.getElementById(id).textContent);
  const specs = parse("specs");
  const data = parse("data");
  const config = {
    background: null,
    font: getComputedStyle(document.body).fontFamily,
    axis: { labelColor: "#5c6875", titleColor: "#1c2530", titleFontWeight: 600, labelFontSize: 12, titleFontSize: 12, gridColor: "#e8ecef", domainColor: "#b8c1ca", tickColor: "#b8c1ca", labelLimit: 260 },
    legend: { labelFontSize: 12, symbolSize: 90, labelLimit: 400 },
    view: { stroke: null },
  };

  // Names are foreign: they become text nodes, never markup.
  const tooltip = document.getElementById("tooltip");
  const showTooltip = (_, event, __, value) => {
    tooltip.hidden = value === null || value === undefined || value === "";
    if (tooltip.hidden) return;
    tooltip.replaceChildren();
    const table = tooltip.appendChild(document.createElement("table"));
    for (const [key, shown] of Object.entries(Object(value))) {
      const row = table.insertRow();
      row.insertCell().textContent = key;
      row.insertCell().textContent = shown;
    }
    const left = Math.min(event.clientX + 14, innerWidth - tooltip.offsetWidth - 8);
    const top = Math.min(event.clientY + 14, innerHeight - tooltip.offsetHeight - 8);
    tooltip.style.left = `${left}px`;
    tooltip.style.top = `${top}px`;
  };

  for (const chart of document.querySelectorAll("[data-chart]")) {
    const name = chart.dataset.chart;
    try {
      const spec = { ...specs[name], config, datasets: { [name]: data[name] } };
      const runtime = vega.parse(vegaLite.compile(spec).spec);
      const view = new vega.View(runtime, { renderer: "svg" }).tooltip(showTooltip).initialize(chart).hover();
      view.runAsync().then(
        () => { chart.dataset.drawn = "ok"; },
        (error) => { chart.dataset.drawn = String(error); },
      );
    } catch (error) {
      chart.dataset.drawn = String(error);
      chart.textContent = "This chart could not be drawn.";
    }
  }

  const search = document.getElementById("search");
  const found = document.getElementById("found");
  const rows = [...document.querySelectorAll("#list tbody tr")];
  const names = rows.map((row) => row.querySelector(".name").textContent.toLowerCase());
  const filter = () => {
    const wanted = search.value.trim().toLowerCase();
    let shown = 0;
    rows.forEach((row, at) => {
      row.hidden = !names[at].includes(wanted);
      shown += row.hidden ? 0 : 1;
    });
    found.textContent = `${shown.toLocaleString("en")} of ${rows.length.toLocaleString("en")}`;
  };
  const fromAddress = () => {
    if (!location.hash.startsWith("#q=")) return;
    try {
      search.value = decodeURIComponent(location.hash.slice(3));
    } catch {
      search.value = "";
    }
  };
  if (search) {
    document.querySelector(".search").hidden = false;
    search.addEventListener("input", filter);
    addEventListener("hashchange", () => { fromAddress(); filter(); });
    fromAddress();
    filter();
  }
})();
