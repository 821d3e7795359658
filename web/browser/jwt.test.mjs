import assert from 'node:assert/strict';
import { generateKeyPairSync, sign } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { accessible, close, open, until } from './browser.mjs';
import { demo, serve } from './demo.mjs';

// A gateway in production, whose tokens come from an issuer of its own.
const directory = mkdtempSync(join(tmpdir(), 'viewgate-jwt-'));
const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const keys = join(directory, 'keys.json');
writeFileSync(keys, JSON.stringify({ keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig' }] }));

/** tokenOf signs a token of somebody with a role. */
function tokenOf(role) {
  const now = Math.floor(Date.now() / 1000);
  const parts = [{ alg: 'ES256', kid: 'one' }, { iss: 'issuer', aud: 'viewgate', sub: '1', iat: now, exp: now + 3600, role }];
  const text = parts.map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.');
  return `${text}.${sign('sha256', text, { key: privateKey, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`;
}

let running;
let guarded;
before(async () => {
  running = await demo(['--orders', '20', '--rate', '20']);
  guarded = await serve([
    '--production', '--kafka', running.kafka, '--data', join(directory, 'data'),
    '--auth', 'jwt', '--jwks', keys, '--jwt-issuer', 'issuer', '--jwt-audience', 'viewgate', '--jwt-role-claim', 'role',
  ]);
});
after(close);
after(async () => {
  await guarded?.stop();
  await running?.stop();
  rmSync(directory, { recursive: true });
});

const refusal = (page) => page.getByRole('alert').filter({ has: page.getByLabel('Access token') });

/** signIn gives a token to the form that is in sight. */
async function signIn(page, token) {
  await refusal(page).getByLabel('Access token').fill(token);
  await refusal(page).getByRole('button', { name: 'Sign in', exact: true }).click();
}

test('a token without a role is told so, and may be changed for another', async (t) => {
  const page = await open(t, guarded.url, { expected: [/40[13]/] });
  await refusal(page).getByText('Sign in to see orders.').waitFor();
  await signIn(page, tokenOf('nobody'));
  await page.getByText('You are signed in, but your token has no role here. Ask whoever runs this gateway.').waitFor();
  await page.getByRole('main').getByText('Your token has no role here.').waitFor();
  await page.getByRole('status').filter({ hasText: 'Changes are not shown' }).waitFor();
  assert.equal(await page.getByText('Sign in again').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Try again' }).count(), 0);
  await accessible(page);
  await page.getByText('Use another token').click();
  await signIn(page, tokenOf('support'));
  await page.locator('article').first().waitFor();
  await page.getByText('Live', { exact: true }).waitFor();
  assert.equal(await page.getByRole('alert').count(), 0);
});

test('want of a role is known by the WebSocket alone', async (t) => {
  const page = await open(t, `${guarded.url}/?order=1`, {
    expected: [/40[13]|ERR_FAILED/],
    prepare: (page) => page.route('**/graphql', (route) => route.abort()),
  });
  await refusal(page).getByText('Sign in to see orders.').waitFor();
  await signIn(page, tokenOf('nobody'));
  await page.getByText('You are signed in, but your token has no role here.').waitFor();
  await page.getByRole('status').filter({ hasText: 'Changes are not shown' }).waitFor();
});

test('what is no token is told from one that has ended', async (t) => {
  const page = await open(t, guarded.url, { expected: [/40[13]/] });
  await refusal(page).getByText('Sign in to see orders.').waitFor();
  await signIn(page, 'rubbish');
  await refusal(page).getByText('The server does not take this token.').waitFor();
  assert.equal(await page.getByText('no longer').count(), 0);
  assert.equal(await page.getByRole('button', { name: 'Sign out' }).count(), 0);
  await page.reload();
  await refusal(page).getByText('Sign in to see orders.').waitFor(); // it is not kept

  await signIn(page, tokenOf('support'));
  await page.getByText('Live', { exact: true }).waitFor();
  await page.route('**/graphql', (route) => route.fulfill({ status: 401, json: { errors: [{ message: 'no', extensions: { code: 'UNAUTHENTICATED' } }] } }));
  await page.getByRole('combobox', { name: 'Search orders' }).fill('chicken');
  await refusal(page).getByText('Sign in again: the server no longer takes the token').waitFor();
});

for (const width of [360, 1280]) {
  test(`the form of tokens has room for one, ${width} wide`, async (t) => {
    const page = await open(t, guarded.url, { expected: [/401/], viewport: { width, height: 800 } });
    const label = refusal(page).locator('label');
    await label.waitFor();
    const box = label.getByLabel('Access token');
    const text = await label.evaluate((label) => {
      const range = document.createRange();
      range.selectNode(label.firstChild);
      return range.getBoundingClientRect().bottom;
    });
    const { y, width: wide } = await box.boundingBox();
    assert.ok(y > text, 'the label is beside its field');
    assert.ok(wide > Math.min(400, width * 0.75), `${wide} wide`);
    await until(() => page.evaluate(() => document.documentElement.scrollWidth <= innerWidth));
  });
}
