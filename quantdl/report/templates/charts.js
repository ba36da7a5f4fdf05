"use strict";
(() => {
  const touch = window.matchMedia("(pointer: coarse)").matches;
  const options = { displayModeBar: false, displaylogo: false, responsive: true, doubleClick: "reset+autosize" };
  const charts = [];

  const fit = (layout, width) => {
    if (width >= 560) return layout;
    const small = { ...layout, font: { ...layout.font, size: 11 }, margin: { ...layout.margin, r: 8 } };
    return small;
  };

  for (const data of document.querySelectorAll("script[data-chart]")) {
    const place = document.getElementById(data.dataset.chart);
    const chart = JSON.parse(data.textContent);
    const layout = fit(chart.layout, place.clientWidth);
    if (touch) layout.dragmode = false;
    Plotly.newPlot(place, chart.data, layout, options);
    charts.push(place);
  }

  // Paper has its own width, and what is folded away on a screen belongs on paper.
  window.addEventListener("beforeprint", () => {
    document.querySelectorAll("details").forEach((part) => { part.open = true; });
    charts.forEach((place) => Plotly.relayout(place, { autosize: false, width: 660 }));
  });
  window.addEventListener("afterprint", () => {
    charts.forEach((place) => Plotly.relayout(place, { autosize: true, width: null }));
  });

  // The contents show where the reader is.
  const links = new Map([...document.querySelectorAll(".contents a")].map((link) => [link.hash.slice(1), link]));
  const mark = (id) => {
    links.forEach((link, key) => {
      if (key === id) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    });
  };
  const sections = [...document.querySelectorAll("[data-section]")];
  const locate = () => {
    const passed = sections.filter((section) => section.getBoundingClientRect().top < window.innerHeight * 0.3);
    mark((passed[passed.length - 1] || sections[0]).id);
  };
  let waiting = false;
  window.addEventListener("scroll", () => {
    if (waiting) return;
    waiting = true;
    window.requestAnimationFrame(() => { waiting = false; locate(); });
  }, { passive: true });
  locate();
})();
