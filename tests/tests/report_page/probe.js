// Measures the page in the browser and leaves what it found as the last element. Put into a copy of the page by the test.
const errors = [];
window.addEventListener("error", (event) => errors.push(String(event.message)), true);
window.addEventListener("load", () => {
  const brightness = (colour) => {
    const [red, green, blue] = colour.match(/[\d.]+/g).map(Number);
    return (0.2126 * red + 0.7152 * green + 0.0722 * blue) / 255;
  };
  const figures = [...document.querySelectorAll("figure svg")].map((svg) => {
    const box = svg.getBoundingClientRect();
    const view = svg.viewBox.baseVal;
    const scale = view.width / box.width;
    const texts = [...svg.querySelectorAll("text")].map((text) => {
      const at = text.getBoundingClientRect();
      const left = (at.left - box.left) * scale;
      const top = (at.top - box.top) * scale;
      return { what: text.textContent.trim(), left, top, right: left + at.width * scale, bottom: top + at.height * scale };
    });
    const outside = texts.filter((t) => t.left < -1 || t.top < -1 || t.right > view.width + 2 || t.bottom > view.height + 2);
    const on_each_other = [];
    texts.forEach((a, index) => {
      for (const b of texts.slice(index + 1)) {
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 1 && high > 4) on_each_other.push([a.what, b.what]);
      }
    });
    return {
      width: box.width, height: box.height, left: box.left, right: box.right,
      shapes: svg.querySelectorAll("polyline, rect, line, circle, polygon").length, texts: texts.length, outside, on_each_other,
    };
  });
  const wide = [...document.querySelectorAll("body *")].filter((element) => !element.closest(".scroll > *"));
  const widest = wide.reduce((most, element) => Math.max(most, element.getBoundingClientRect().right), 0);
  const svg = document.querySelector("figure svg");
  const found = {
    errors, figures, widest, width: window.innerWidth, page_width: document.documentElement.scrollWidth,
    resources: performance.getEntriesByType("resource").map((entry) => entry.name),
    brightness: {
      page: brightness(getComputedStyle(document.body).backgroundColor),
      text: brightness(getComputedStyle(document.body).color),
      figure: brightness(getComputedStyle(svg.querySelector("rect")).fill),
      figure_text: brightness(getComputedStyle(svg.querySelector("text")).fill),
    },
  };
  const out = document.createElement("pre");
  out.id = "measured";
  out.textContent = JSON.stringify(found);
  document.body.append(out);
});
