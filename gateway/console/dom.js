// Elements made by hand. Texts only ever become text nodes, so whatever an order says it stays text.
const SVG = 'http://www.w3.org/2000/svg';

export const byId = (id) => document.getElementById(id);

function fill(made, attributes, children) {
  for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
  made.append(...children.map((child) => (child instanceof Node ? child : String(child))));
  return made;
}

export const element = (name, attributes = {}, ...children) => fill(document.createElement(name), attributes, children);
export const drawing = (name, attributes = {}, ...children) => fill(document.createElementNS(SVG, name), attributes, children);
export const number = (text, kind = '') => element('td', { class: `number ${kind}` }, text);
export const cell = (content, kind = '') => element('td', { class: kind }, content);
export const milliseconds = (value) => (Number.isFinite(value) ? `${value < 10 ? value.toFixed(2) : value.toFixed(0)} ms` : '–');
