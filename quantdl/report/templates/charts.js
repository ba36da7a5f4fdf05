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

  // Colors of a drawing in the dark: those that the look of all charts has, each with one that stands out as well.
  const dark = {
    "#FFFFFF": "#11181F", "#14202B": "#E6ECF1", "#4B5A68": "#B3C0CB", "#6B7885": "#93A1AE", "#E6EBEF": "#28333D",
    "#9AA7B2": "#6F7E8B", "#B8C4CE": "#46545F", "#B4BFC9": "#55636F",
    "#0072B2": "#4DA6E8", "#56B4E9": "#8FD0F7", "#E69F00": "#F0B429", "#D55E00": "#FF8A4C", "#009E73": "#3CC79B",
    "#CC79A7": "#E59BC4", "#CFE3F1": "#1D3950", "#5FA5D0": "#2F75A8", "#005A8D": "#8CCBF5", "#EAF2F8": "#17222C",
    "rgba(213,94,0,0.11)": "rgba(255,138,76,0.20)", "rgba(107,120,133,0.22)": "rgba(147,161,174,0.25)",
    "rgba(0,114,178,0.10)": "rgba(77,166,232,0.18)", "rgba(0,114,178,0.12)": "rgba(77,166,232,0.16)",
    "rgba(86,180,233,0.30)": "rgba(143,208,247,0.30)",
    "rgba(0,114,178,0.16)": "rgba(77,166,232,0.20)", "rgba(0,114,178,0.30)": "rgba(77,166,232,0.34)",
  };
  const recolored = (part) => {
    if (typeof part === "string") return dark[part] || part;
    if (Array.isArray(part)) return part.length > 64 ? part : part.map(recolored);
    if (part && typeof part === "object") {
      return Object.fromEntries(Object.entries(part).map(([key, value]) => [key, recolored(value)]));
    }
    return part;
  };

  const scheme = window.matchMedia("(prefers-color-scheme: dark)");
  const places = [...document.querySelectorAll("script[data-chart]")].map((data) => ({
    place: document.getElementById(data.dataset.chart),
    chart: JSON.parse(data.textContent),
  }));
  const draw = (night) => places.forEach(({ place, chart }) => {
    const shown = night ? recolored(chart) : chart;
    const layout = fit({ ...shown.layout }, place.clientWidth);
    if (touch) layout.dragmode = false;
    Plotly.react(place, shown.data, layout, options);
    if (!charts.includes(place)) charts.push(place);
  });
  draw(scheme.matches);
  scheme.addEventListener("change", () => draw(scheme.matches));

  // Paper is white, has its own width, and what is folded away on a screen belongs on it.
  let folded = [];
  window.addEventListener("beforeprint", () => {
    folded = [...document.querySelectorAll("details:not([open])")];
    folded.forEach((part) => { part.open = true; });
    if (scheme.matches) draw(false);
    charts.forEach((place) => Plotly.relayout(place, { autosize: false, width: 660 }));
  });
  window.addEventListener("afterprint", () => {
    folded.forEach((part) => { part.open = false; });
    if (scheme.matches) draw(true);
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
