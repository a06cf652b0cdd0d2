// Uses the console as a person would, in a real browser without network of its own. Exits 1 at the first thing amiss.
// usage: check.mjs GATEWAY_URL PART PROFILE_DIR [SCREENSHOT_DIR]; parts: see below, and their variables in the environment
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const [url, part, profile, shots] = process.argv.slice(2);
const { CONSOLE_CORRELATION: correlation, CONSOLE_ORDER: order, CONSOLE_TOKEN: token } = process.env;
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
const browser = await chromium.launchPersistentContext(profile, { executablePath: '/usr/bin/chromium', headless: true, args });
const page = await browser.newPage();
page.setDefaultTimeout(60000);
const amiss = [], asked = [];
page.on('pageerror', (error) => amiss.push(error.message));
page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) amiss.push(message.text()); });
page.on('request', (request) => {
  asked.push(new URL(request.url()).pathname);
  if (!request.url().startsWith(url) && !request.url().startsWith('data:')) amiss.push(request.url());
});

const text = (selector) => page.locator(selector).innerText();
const row = (words) => page.locator('#orders tr', { hasText: words });
const chart = (title) => page.locator('#charts figure', { hasText: title });
const body = (customer) => JSON.stringify({ customer_id: customer, items: [{ product_id: 'LAPTOP-001', quantity: 1 }], shipping_address: '1 Main St' });

function curlOrder(customer, ...more) {
  return execFileSync('curl', ['-sS', '-H', 'Content-Type: application/json', ...more, '-d', body(customer), `${url}/orders`], { encoding: 'utf8' });
}

async function shoot(name) {
  if (!shots) return;
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.waitForTimeout(300);
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
  }
  await page.setViewportSize({ width: 1280, height: 900 });
}

// Opens an order by keyboard alone, checks what `check` says, and closes it again.
async function open(line, check) {
  await line.getByRole('button').focus();
  await page.keyboard.press('Enter');
  await page.locator('#detail[open] #spans tr').nth(3).waitFor();
  await check();
  await page.keyboard.press('Escape');
  assert.equal(await page.locator('#detail').isVisible(), false, 'Escape closes the order');
}

async function placeOnPage(status) {
  await page.locator('#quantity').fill('2');
  await page.locator('#customer').fill('<b>CUST</b>');
  await page.keyboard.press('Enter');
  await page.locator('#placed', { hasText: status }).waitFor();
  await row('<b>CUST</b>').first().waitFor(); // as text, not as markup
}

// The largest value of a service in a chart, read by keyboard, from its last point backwards.
async function largest(title, service) {
  const box = chart(title);
  await box.focus();
  await page.keyboard.press('End');
  let found = 0;
  for (let i = 0; i < 60; i++) {
    const shown = await box.locator('.u-series', { hasText: service }).locator('.u-value').innerText();
    found = Math.max(found, Number.parseFloat(shown) || 0);
    await page.keyboard.press('ArrowLeft');
  }
  return found;
}

async function slide(service, name, key, value) {
  const slider = page.locator(`fieldset[data-service=${service}] [data-name="${name}"]`);
  await slider.focus();
  await page.keyboard.press(key);
  await page.locator('#switched', { hasText: `${service} goes by it` }).waitFor();
  await page.locator(`fieldset[data-service=${service}] label:has([data-name="${name}"])`, { hasText: value }).waitFor();
}

const parts = {
  // An order placed here, and one placed with curl, which appears by itself.
  async confirms() {
    await placeOnPage('is confirmed');
    await page.locator('#services tr', { hasText: 'payment' }).filter({ hasText: 'SERVING' }).filter({ hasText: ' ms' }).waitFor();
    await open(row('<b>CUST</b>').first(), async () => {
      assert.match(await text('#steps'), /confirmed/);
      assert.match(await text('#spans'), /payment/);
      assert.match(await text('#bottleneck'), /Most of the time: \w+/);
      await shoot('waterfall');
    });
    curlOrder('CUST-CURL', '-H', `X-Correlation-ID: ${correlation}`);
    await row('CUST-CURL').filter({ hasText: 'confirmed' }).waitFor();
    await open(row('CUST-CURL'), async () => assert.ok((await text('#explained')).includes(correlation)));
    assert.ok((await largest('Requests per second', 'gateway')) > 0, 'the chart of requests has them');
    assert.equal(await largest('Refused and failed', 'payment'), 0);
    await chart('Requests per second').locator('.u-legend th[tabindex]').first().focus();
    await page.keyboard.press('Enter');
    assert.equal(await chart('Requests per second').locator('.u-series.u-off').count(), 1, 'Enter hides a line');
    await page.keyboard.press('Enter');
    const before = asked.length;
    await page.waitForTimeout(3000);
    assert.deepEqual(asked.slice(before), [], 'nothing is polled');
    // All payments fail from now on.
    await slide('payment', 'failure_rate:charge', 'End', '100 %');
    await placeOnPage('Declined');
    const line = row('failed').first();
    await line.waitFor();
    assert.match(await line.innerText(), /the payment was declined/);
    await open(line, async () => {
      assert.match(await text('#explained'), /the payment was declined/);
      assert.ok((await page.locator('#spans .bad').count()) > 0, 'the failed steps stand out');
      await shoot('declined');
    });
    await page.waitForTimeout(1500);
    assert.ok((await largest('Refused and failed', 'payment')) > 0, 'the chart of errors moves');
    await slide('payment', 'failure_rate:charge', 'Home', '0 %');
    await placeOnPage('is confirmed');
  },
  // Profile demo, chosen here: the fraud check is what takes the time.
  async demo() {
    for (const service of ['payment', 'inventory']) {
      await page.locator(`fieldset[data-service=${service}] select`).selectOption('demo');
      await page.locator('#switched', { hasText: `${service} goes by it` }).waitFor();
    }
    // A simulated timeout may take longer than four payments, not than many: orders come until it is seen.
    const slowest = page.locator('#slowest', { hasText: /^payment, fraud check: \d\d %/ });
    for (let i = 0; i < 4 || (i < 60 && !(await slowest.isVisible())); i++) curlOrder(`CUST-DEMO-${i}`);
    await slowest.waitFor();
    assert.match(await page.locator('#shares tr').first().innerText(), /payment\s+fraud check/);
    await shoot('demo');
  },
  // An order placed by somebody else, with the correlation id under which it is in the metrics, the trace and the logs.
  async shows() {
    const line = page.locator(`#orders tr[data-order="${order}"]`);
    await line.filter({ hasText: 'confirmed' }).waitFor();
    await open(line, async () => {
      assert.ok((await text('#explained')).includes(correlation));
      for (const service of ['gateway', 'order', 'payment', 'inventory']) assert.ok((await text('#spans')).includes(service));
    });
  },
  // The gateway asks for a token, which has been given by now.
  async locked() {
    await placeOnPage('is confirmed');
    assert.equal(await page.locator('fieldset[data-service=payment] select').isDisabled(), true, 'switches that are shut');
    assert.equal(await page.locator('#fixed').isVisible(), true);
  },
};

await page.goto(url);
if (part === 'locked') await page.locator('#token').fill(token);
if (part === 'locked') await page.keyboard.press('Enter');
await page.locator('#stock tr').first().waitFor();
assert.equal(await page.locator('#access').isVisible(), false, 'no token is asked for where none is needed, or a good one was given');
await parts[part]();
await shoot(part);
await page.setViewportSize({ width: 390, height: 800 });
// A phone needs no sideways scrolling, once the charts have been drawn anew.
await page.waitForFunction('document.documentElement.scrollWidth <= 390');
assert.deepEqual(amiss, []);
await browser.close();
