// openapi.json as others see it: an independent validator accepts it, its examples fit its schemas, and a real gateway
// that is sent each of them answers with what is described. Run by tests/integration/test_openapi.sh.
//
// usage: node check.mjs GATEWAY_URL
import { Validator } from '@seriousme/openapi-schema-validator';
import Ajv2020 from 'ajv/dist/2020.js';
import addFormats from 'ajv-formats';

const gateway = process.argv[2];
const document = await (await fetch(`${gateway}/openapi.json`)).json();
let checks = 0;
let failures = 0;

function check(what, ok, shown) {
  checks++;
  if (ok) return;
  failures++;
  console.log(`FAILED: ${what}: ${JSON.stringify(shown)}`);
}

// --- schemas, by their place in the document ---

// What the description leaves out is not allowed here: an answer with a member that it does not have is a difference.
function tighten(node) {
  if (node === null || typeof node !== 'object') return;
  if (node.type === 'object' && node.properties && node.additionalProperties === undefined) {
    node.additionalProperties = false;
  }
  Object.values(node).forEach(tighten);
}

const ajv = new Ajv2020({ strict: false, allErrors: true });
addFormats(ajv);
for (const [format, bits, unsigned] of [['int64', 64, false], ['uint64', 64, true]]) {
  const fits = unsigned ? BigInt.asUintN : BigInt.asIntN;
  ajv.addFormat(format, (text) => /^-?\d+$/.test(text) && fits(bits, BigInt(text)) === BigInt(text));
}
ajv.addFormat('uint32', { type: 'number', validate: (n) => Number.isInteger(n) && n >= 0 && n < 2 ** 32 });
const tight = structuredClone(document);
tighten(tight.components);
tighten(tight.paths);
ajv.addSchema(tight, 'openapi');

const escaped = (step) => encodeURIComponent(String(step).replaceAll('~', '~0').replaceAll('/', '~1'));
const pointer = (path) => path.map((step) => `/${escaped(step)}`).join('');

function fits(what, path, value) {
  const validate = ajv.compile({ $ref: `openapi#${pointer(path)}` });
  check(`${what} fits its schema`, validate(value), { value, errors: validate.errors });
}

// A reference followed: the object, and where it stands.
function follow(path) {
  const node = path.reduce((at, step) => at[step], document);
  return node.$ref ? follow(node.$ref.slice(2).split('/')) : [node, path];
}

// --- requests made of examples ---

const operations = Object.entries(document.paths).flatMap(([path, item]) =>
  Object.entries(item).filter(([verb]) => verb !== 'servers').map(([verb, operation]) =>
    ({ path, verb, operation, name: `${verb.toUpperCase()} ${path}`, at: ['paths', path, verb] })));

// The request that the examples say; known: values that take the place of an example's.
function request({ path, verb, operation, at }, known = {}) {
  const made = { method: verb.toUpperCase(), headers: {} };
  const query = new URLSearchParams();
  operation.parameters.forEach((_, i) => {
    const [parameter] = follow([...at, 'parameters', i]);
    if (parameter.example === undefined) return;
    const value = String(known[parameter.name] ?? parameter.example);
    if (parameter.in === 'path') path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    if (parameter.in === 'query') query.append(parameter.name, value);
    if (parameter.in === 'header') made.headers[parameter.name] = value;
  });
  const body = operation.requestBody?.content['application/json'].example;
  if (operation.requestBody) made.headers['Content-Type'] = 'application/json';
  if (body) made.body = JSON.stringify(Object.fromEntries(
    Object.entries(body).map(([name, value]) => [name, known[name] ?? value])));
  made.url = `${gateway}${path}${query.size ? `?${query}` : ''}`;
  return made;
}

// Sends it, and holds the answer against the description of its status.
async function send(what, { at, operation }, made) {
  const answer = await fetch(made.url, made);
  const text = await answer.text();
  const status = operation.responses[answer.status] ? String(answer.status) : 'default';
  const [response, place] = follow([...at, 'responses', status]);
  const [type] = Object.keys(response.content);
  check(`${what}: content type of ${answer.status}`, answer.headers.get('content-type') === type, type);
  for (const header of Object.keys(response.headers ?? {})) check(`${what}: ${header}`, answer.headers.has(header), text);
  const value = JSON.parse(text);
  fits(`${what}: the answer ${answer.status}`, [...place, 'content', type, 'schema'], value);
  return { status: answer.status, described: status !== 'default', value };
}

// What an id in an example stands for is made by the operation that makes such a thing.
const makers = { order_id: 'CreateOrder', payment_id: 'ProcessPayment', reservation_id: 'ReserveInventory' };

async function makeIds({ operation, at, verb, path }) {
  const body = operation.requestBody?.content['application/json'].example ?? {};
  const names = [...operation.parameters.map((_, i) => follow([...at, 'parameters', i])[0].name), ...Object.keys(body)];
  const known = {};
  for (const name of names.filter((name) => makers[name])) {
    const maker = operations.find((other) => other.operation.operationId === makers[name]);
    const answer = await send(`${maker.name} for ${verb} ${path}`, maker, request(maker));
    known[name] = answer.value[name];
  }
  return known;
}

// --- the checks ---

const verdict = await new Validator().validate(structuredClone(document));
check('the validator accepts it', verdict.valid, verdict.errors);

// Each example stands beside its schema.
let examples = 0;
(function visit(node, path) {
  if (node === null || typeof node !== 'object') return;
  if (node.example !== undefined && node.schema) {
    examples++;
    fits(`the example at ${pointer(path)}`, [...path, 'schema'], node.example);
  }
  for (const [key, child] of Object.entries(node)) if (key !== 'example') visit(child, [...path, key]);
})(document, []);

for (const one of operations) {
  check(`${one.name}: summary, description and errors`,
        one.operation.summary && one.operation.description && one.operation.responses[400], one.operation);
  const body = one.operation.requestBody?.content['application/json'];
  check(`${one.name}: its body has an example`, !body || body.example, body);

  const as_written = await send(`${one.name} as written`, one, request(one));
  check(`${one.name} as written`, as_written.status === 200 || as_written.status === 404, as_written);
  check(`${one.name} as written: described`, as_written.described, as_written);
  const sent = await send(`${one.name} with ids that exist`, one, request(one, await makeIds(one)));
  check(`${one.name} with ids that exist`, sent.status === 200, sent);

  const wrong = [[400, { url: `${request(one).url}${request(one).url.includes('?') ? '&' : '?'}no_such_field=1` }]];
  if (body) {
    wrong.push([400, { body: '{"no_such_field":1}' }], [400, { body: '{' }], [413, { body: ' '.repeat(2 ** 21) }],
               [415, { headers: { 'Content-Type': 'text/plain' } }]);
  }
  for (const [status, change] of wrong) {
    const answer = await send(`${one.name} made wrong`, one, { ...request(one), ...change });
    check(`${one.name} made wrong`, answer.status === status && answer.described, [status, answer]);
  }
}

check('there is something to check', operations.length >= 20 && examples >= 37, [operations.length, examples]);
console.log(`${operations.length} operations, ${examples} examples, ${checks} checks, ${failures} failures`);
process.exit(failures ? 1 : 0);
