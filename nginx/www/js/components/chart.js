// Curves over time by uPlot, fetched with the first one that is drawn. Without it, or without a canvas, the sentence
// beneath says the same.
import { html, useEffect, useRef } from '/vendor/preact.js';

const library = () => import('/vendor/uplot.js').then((module) => module.default);

export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

// make(UPlot) -> {options without a size, data}; text: what it shows, in words; height in pixels.
export function Chart({ make, text, height = 160, deps }) {
  const place = useRef();
  useEffect(() => {
    let chart = null;
    let gone = false;
    const size = () => ({ width: place.current.clientWidth, height });
    const watch = new ResizeObserver(() => chart?.setSize(size()));
    library().then((UPlot) => {
      if (gone || !place.current) return;
      const { options, data } = make(UPlot);
      chart = new UPlot({ ...size(), ...options }, data, place.current);
      watch.observe(place.current);
    }).catch(() => {});
    return () => {
      gone = true;
      watch.disconnect();
      chart?.destroy();
    };
  }, deps);
  return html`<figure class="curve"><div ref=${place} class="plot" role="img" aria-label=${text}></div>
    <figcaption class="muted small-text">${text}</figcaption></figure>`;
}

// The look of all: axes in the colours of the page.
export const axis = () => ({ stroke: colour('--calm'), grid: { stroke: colour('--line-soft') }, ticks: { stroke: colour('--line') } });
