// Elements made by hand. Texts only ever become text nodes, so whatever an order says it stays text.
const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

export function element(name, attributes = {}, ...children) {
  const made = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

export function drawing(name, attributes = {}, ...children) {
  const made = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children);
  return made;
}

export const number = (text, kind = '') => element('td', { class: `number ${kind}` }, text);
export const cell = (content, kind = '') => element('td', { class: kind }, content);
export const milliseconds = (value) => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms` : '–');

// Values of the last minutes as lines on one scale.
export function spark(label, series) {
  const top = Math.max(1, ...Object.values(series).flat());
  const lines = Object.entries(series).map(([kind, values]) =>
    drawing('polyline', { class: kind, points: values.map((value, i) => `${i + 120 - values.length},${29 - (28 * value) / top}`).join(' ') }));
  return drawing('svg', { class: 'spark', viewBox: '0 0 120 30', preserveAspectRatio: 'none', role: 'img', 'aria-label': label }, ...lines);
}
