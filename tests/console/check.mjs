// Uses the console as a person would, in a real browser without network of its own. Exits 1 at the first thing amiss.
// usage: check.mjs GATEWAY_URL confirms|declines|locked CORRELATION_ID PROFILE_DIR [SCREENSHOT_DIR]
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chromium } from 'playwright-core';

const [url, part, correlation, profile, shots] = process.argv.slice(2);
const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync', '--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1'];
const browser = await chromium.launchPersistentContext(profile, { executablePath: '/usr/bin/chromium', headless: true, args });
const page = await browser.newPage();
page.setDefaultTimeout(30000);
const amiss = [];
page.on('pageerror', (error) => amiss.push(error.message));
page.on('console', (message) => { if (/Content Security Policy/.test(message.text())) amiss.push(message.text()); });
page.on('request', (request) => { if (!request.url().startsWith(url) && !request.url().startsWith('data:')) amiss.push(request.url()); });

const text = (selector) => page.locator(selector).innerText();
const row = (words) => page.locator('#orders tr', { hasText: words });

async function shoot(name) {
  if (!shots) return;
  for (const colorScheme of ['light', 'dark']) {
    for (const width of [1280, 390]) {
      await page.emulateMedia({ colorScheme });
      await page.setViewportSize({ width, height: 900 });
      await page.screenshot({ path: `${shots}/${name}-${colorScheme}-${width}.png`, fullPage: true });
    }
  }
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

const parts = {
  async confirms() {
    await placeOnPage('is confirmed');
    await page.locator('#services tr', { hasText: 'payment' }).filter({ hasText: 'SERVING' }).filter({ hasText: ' ms' }).waitFor();
    await open(row('<b>CUST</b>').first(), async () => {
      assert.match(await text('#steps'), /confirmed/);
      assert.match(await text('#spans'), /payment/);
      assert.match(await text('#bottleneck'), /Most of the time: \w+/);
      await shoot('waterfall');
    });
    // One placed elsewhere appears by itself.
    execFileSync('curl', ['-fsS', '-o', '/dev/null', '-H', `X-Correlation-ID: ${correlation}`, '-H', 'Content-Type: application/json', '-d',
      '{"customer_id":"CUST-CURL","items":[{"product_id":"LAPTOP-001","quantity":1}],"shipping_address":"1 Main St"}', `${url}/orders`]);
    await row('CUST-CURL').filter({ hasText: 'confirmed' }).waitFor();
    await open(row('CUST-CURL'), async () => assert.ok((await text('#explained')).includes(correlation)));
  },
  // The gateway asks for a token, which has been given by now.
  async locked() {
    await placeOnPage('Declined');
  },
  async declines() {
    await placeOnPage('Declined');
    await page.locator('#services tr', { hasText: 'gateway' }).locator('.warn').waitFor();
    const line = row('failed').first();
    await line.waitFor();
    assert.match(await line.innerText(), /the payment was declined/);
    await open(line, async () => {
      assert.match(await text('#explained'), /the payment was declined/);
      assert.ok((await page.locator('#spans .bad').count()) > 0, 'the failed steps stand out');
      await shoot('declined');
    });
  },
};

await page.goto(url);
if (part === 'locked') await page.locator('#token').fill(process.env.CONSOLE_TOKEN);
if (part === 'locked') await page.keyboard.press('Enter');
await page.locator('#stock tr').first().waitFor();
assert.equal(await page.locator('#access').isVisible(), false, 'no token is asked for where none is needed, or a good one was given');
await parts[part]();
await shoot(part);
await page.setViewportSize({ width: 390, height: 800 });
assert.ok((await page.evaluate('document.documentElement.scrollWidth')) <= 390, 'a phone needs no sideways scrolling');
assert.deepEqual(amiss, []);
await browser.close();
