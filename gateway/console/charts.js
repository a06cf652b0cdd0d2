// Lines over the last minutes by uPlot, one for each service. With the keyboard: arrows move the cursor through a chart
// that has the focus, Enter on a name in its legend hides or shows that line. Where the build had no uPlot there are none.
import { byId, element } from './dom.js';

const KEPT = 180, HEIGHT = 170, SHOWN_SECONDS = 30; // that many at least
const DASHES = { gateway: [], order: [9, 4], payment: [3, 3], inventory: [12, 4, 3, 4] };
const charts = [];

// A colour of the style sheet as it is in this theme.
function ink(name) {
  const probe = byId('ink');
  probe.className = `ink-${name}`;
  return getComputedStyle(probe).color;
}

function axis(size, space, values) {
  return { size, space, values, font: '12px system-ui', stroke: () => ink('faint'), grid: { stroke: () => ink('line'), width: 1 }, ticks: { show: false } };
}

const short = (value) => (value >= 1000 ? `${+(value / 1000).toFixed(1)}k` : `${+value.toFixed(2)}`);

const timeOf = (seconds) => new Date(seconds * 1000).toLocaleTimeString([], { hour12: false });

function moveCursor(chart, key) {
  const last = chart.data[0].length - 1;
  const at = chart.cursor.idx ?? last;
  const to = { ArrowLeft: at - 1, ArrowRight: at + 1, Home: 0, End: last }[key];
  if (to === undefined || last < 0) return false;
  const index = Math.min(Math.max(to, 0), last);
  chart.setCursor({ left: chart.valToPos(chart.data[0][index], 'x'), top: 1 });
  return true;
}

function makeLegendUsable(chart, names) {
  chart.root.querySelectorAll('.u-legend .u-series').forEach((row, i) => {
    if (i === 0) return;
    const label = row.querySelector('th');
    label.setAttribute('tabindex', '0');
    label.setAttribute('role', 'button');
    label.setAttribute('aria-label', `${names[i - 1]}: hide or show`);
    label.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' && event.key !== ' ') return;
      event.preventDefault();
      chart.setSeries(i, { show: !chart.series[i].show });
    });
  });
}

// read: of a service's rates the value that this chart shows.
export function addChart(title, unit, names, read) {
  if (!window.uPlot) return;
  const box = element('figure', { tabindex: '0', 'aria-label': `${title}, by service, over the last minutes; arrow keys read it` }, element('figcaption', {}, title));
  byId('charts').append(box);
  const value = (_, y) => (y === null || y === undefined ? '–' : `${short(y)}${unit}`);
  const chart = new window.uPlot({
    width: box.clientWidth, height: HEIGHT, cursor: { y: false, points: { size: 6 } },
    scales: { x: { range: (_, from, to) => [Math.min(from, to - SHOWN_SECONDS), to] }, y: { range: (_, low, high) => [0, Math.max(high * 1.1, 1)] } },
    axes: [axis(26, 80, (_, ticks) => ticks.map(timeOf)), axis(46, 40, (_, ticks) => ticks.map(short))],
    series: [{ label: 'at', value: (_, seconds) => (seconds === null || seconds === undefined ? '–' : timeOf(seconds)) }, ...names.map((label) => ({ label, value, stroke: () => ink(label), dash: DASHES[label], width: 2, points: { show: false }, spanGaps: false }))],
  }, [[], ...names.map(() => [])], box);
  makeLegendUsable(chart, names);
  box.addEventListener('keydown', (event) => {
    if (event.target === box && moveCursor(chart, event.key)) event.preventDefault();
  });
  box.addEventListener('blur', () => chart.setCursor({ left: -10, top: -10 }));
  new ResizeObserver(() => chart.setSize({ width: box.clientWidth, height: HEIGHT })).observe(box);
  charts.push({ chart, read, names });
}

// rates: by service; a service that is not there leaves a gap.
export function draw(seconds, rates) {
  for (const { chart, read, names } of charts) {
    const values = names.map((name) => {
      const value = rates.has(name) ? read(rates.get(name)) : NaN;
      return Number.isFinite(value) ? value : null;
    });
    chart.setData(chart.data.map((column, i) => [...column, i === 0 ? seconds : values[i - 1]].slice(-KEPT)));
    if (!(chart.cursor.left >= 0)) chart.setLegend({ idx: chart.data[0].length - 1 });
  }
}

export function hasCharts() {
  return charts.length > 0;
}

matchMedia('(prefers-color-scheme: dark)').addEventListener('change', () => charts.forEach(({ chart, names }) => {
  const rows = chart.root.querySelectorAll('.u-legend .u-series'); // the first is the time's
  names.forEach((name, i) => { rows[i + 1].querySelector('.u-marker').style.borderColor = ink(name); });
  chart.redraw();
}));
