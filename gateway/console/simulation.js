// The simulation's switches: a profile and a few sliders for each service, sent as they are let go.
import { byId, element } from './dom.js';

const STEPS = { charge: 'Payments refused', reserve: 'Reservations refused', place: 'Orders not taken in' };
const SCALE_SHOWN = 3;
const percent = (value) => `${+(100 * value).toFixed(1)} %`;
const times = (value) => `× ${+value.toFixed(2)}`;

function slider(service, label, name, value, max, say) {
  const input = element('input', { type: 'range', min: 0, max: Math.max(max, value), step: 0.01, 'data-name': name, id: `${service}-${name}` });
  const output = element('output', { for: input.id });
  const show = () => { output.value = say(Number(input.value)); input.setAttribute('aria-valuetext', output.value); };
  input.value = value;
  input.addEventListener('input', show);
  show();
  return element('label', {}, element('span', { class: 'setting' }, label, output), input);
}

function profiles(current) {
  const select = element('select', { 'data-name': 'profile', 'aria-label': 'Profile' }, element('option', { value: 'demo' }, 'profile demo'), element('option', { value: 'none' }, 'profile none'));
  select.value = current;
  return select;
}

// What a moved control asks for.
function changeOf(control) {
  const [name, step] = control.dataset.name.split(':');
  if (name === 'profile') return { profile: control.value };
  if (!step) return { [name]: Number(control.value) };
  return { steps: [{ step, failure_rate: Number(control.value) }] };
}

function panel(told, send) {
  const { service } = told;
  const refusable = told.steps.filter(({ is_refusable }) => is_refusable);
  const network = service === 'order' ? [] : [
    slider(service, 'Network timeouts', 'timeout_rate', told.timeout_rate, 1, percent),
    slider(service, 'Temporary errors', 'error_rate', told.error_rate, 1, percent),
    slider(service, 'Delays', 'time_scale', told.time_scale, SCALE_SHOWN, times)];
  const fields = element('fieldset', { 'data-service': service }, element('legend', {}, service, told.is_changed ? ', changed' : ''), profiles(told.profile),
    ...refusable.map(({ step, failure_rate }) => slider(service, STEPS[step] ?? `${step} refused`, `failure_rate:${step}`, failure_rate, 1, percent)), ...network);
  fields.disabled = !told.is_switchable;
  fields.addEventListener('change', ({ target }) => send(service, changeOf(target)));
  return fields;
}

// Made anew only when something changed, never under a hand that moves a slider, and the keyboard's place is kept.
let shown = '';
export function showSimulation(all, send) {
  const now = JSON.stringify(all);
  if (now === shown || byId('switches').querySelector('input:active')) return;
  shown = now;
  const focused = document.activeElement?.dataset?.name, within = document.activeElement?.closest?.('fieldset')?.dataset.service;
  byId('switches').replaceChildren(...all.map((told) => panel(told, send)));
  byId('fixed').hidden = all.every(({ is_switchable }) => is_switchable);
  if (focused && within) byId('switches').querySelector(`fieldset[data-service="${within}"] [data-name="${focused}"]`)?.focus();
}
