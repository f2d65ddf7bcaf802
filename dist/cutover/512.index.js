export const id = 512;
export const ids = [512];
export const modules = {

/***/ 32512:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {


// EXPORTS
__webpack_require__.d(__webpack_exports__, {
  cloudflareProvider: () => (/* binding */ cloudflareProvider)
});

// EXTERNAL MODULE: ./build/src/errors.js
var errors = __webpack_require__(27406);
// EXTERNAL MODULE: ./node_modules/cloudflare/error.mjs
var cloudflare_error = __webpack_require__(36773);
// EXTERNAL MODULE: ./node_modules/cloudflare/resources/dns/records.mjs
var records = __webpack_require__(3395);
// EXTERNAL MODULE: ./node_modules/cloudflare/resources/rulesets/phases/phases.mjs + 1 modules
var phases = __webpack_require__(77264);
// EXTERNAL MODULE: ./node_modules/cloudflare/resources/rulesets/rules.mjs
var rules = __webpack_require__(78994);
// EXTERNAL MODULE: ./node_modules/cloudflare/resources/zones/settings.mjs
var settings = __webpack_require__(55736);
// EXTERNAL MODULE: ./node_modules/cloudflare/resources/zones/zones.mjs + 17 modules
var zones = __webpack_require__(18233);
// EXTERNAL MODULE: ./node_modules/cloudflare/tree-shakable.mjs + 1062 modules
var tree_shakable = __webpack_require__(14755);
;// CONCATENATED MODULE: ./build/src/dns/cloudflare-client.js








function makeClient({ token, apiUrl }) {
    return (0,tree_shakable/* createClient */.U)({
        apiToken: token,
        // Left to itself it would read these from the environment, and send them along.
        apiKey: null,
        apiEmail: null,
        userServiceKey: null,
        baseURL: apiUrl,
        timeout: 30_000,
        // It retries a POST after a broken answer, too; `ask` knows what may be repeated.
        maxRetries: 0,
        logLevel: 'off',
        // The token is for this address only: a redirect is an answer like any other that is none.
        fetchOptions: { redirect: 'manual' },
        resources: [zones/* BaseZones */.J, settings/* BaseSettings */.z, records/* BaseRecords */.k, rules/* BaseRules */.v, phases/* BasePhases */.s],
    });
}
const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 30_000;
/** Finds the zone by its name. Throws a ConfigurationError when the token is unknown or may not see it. */
async function openCloudflareZone(options) {
    const client = makeClient(options);
    const { zone } = options;
    const found = await ask(options, `looking for the zone ${zone}`, async () => {
        for await (const one of client.zones.list({ name: zone, per_page: 50 }))
            if (one.name === zone)
                return one;
        return undefined;
    });
    if (found === undefined) {
        throw new errors/* ConfigurationError */.j1(`Cloudflare shows this token no zone ${zone}. Check \`dns.zone\` in migration.yml, and that the token has the permissions ` +
            `Zone → Zone → Read and Zone → DNS → Edit for that zone (${TOKENS}).`);
    }
    const { plan } = found;
    return {
        client,
        options,
        id: found.id,
        status: found.status ?? 'unknown',
        type: found.type ?? 'full',
        plan: plan?.legacy_id ?? '',
    };
}
const TOKENS = 'https://dash.cloudflare.com/profile/api-tokens';
/**
 * One question to Cloudflare, asked again after a 429 (as long as it says) and after no answer or a 5xx: `act` must bear
 * that, so whatever creates or deletes looks first. What is thrown holds neither the token nor a header.
 *
 * @param permission what the token needs for it, as the dashboard calls it
 */
async function ask({ zone, clock, signal, log }, what, act, permission = 'Zone → DNS → Edit') {
    for (let attempt = 1;; attempt += 1) {
        try {
            return await act();
        }
        catch (error) {
            signal?.throwIfAborted();
            // An answer that is cut in its middle comes as it is from fetch and from JSON.parse.
            const broken = ['TypeError', 'SyntaxError'].includes(error.name);
            if (!broken && !(error instanceof cloudflare_error/* APIError */.LG))
                throw error;
            const { status } = error;
            const again = status === undefined || status === 429 || status >= 500;
            const explained = explain(error, { zone, what, permission });
            if (!again || attempt >= ATTEMPTS)
                throw explained;
            const wait = retryAfterMs(error) ?? Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1));
            log.warning(`${explained.message} Trying again in ${Math.round(wait / 1000)} s.`);
            await clock.sleep(wait, signal);
        }
    }
}
/** Cloudflare's own numbers of the errors in an answer. */
function codesOf(error) {
    return error instanceof cloudflare_error/* APIError */.LG ? listed(error).map(({ code }) => code) : [];
}
/** Malformed token, malformed header, and unknown token ("Troubleshooting", Cloudflare's API documentation). */
const UNKNOWN_TOKEN = [6003, 6111, 1000];
function explain(error, { zone, what, permission }) {
    const { status } = error;
    if (status === undefined) {
        return new Error(`Cloudflare gave no whole answer when ${what}: ${causeOf(error)}.`);
    }
    const told = listed(error)
        .map(({ code, message }) => `${message} (${code})`)
        .join('; ');
    const said = told === '' ? `HTTP ${status}` : `HTTP ${status}: ${told}`;
    const unknown = codesOf(error).some((code) => UNKNOWN_TOKEN.includes(code));
    if (status === 401 || (status === 400 && unknown) || /invalid (access|api) token/i.test(told)) {
        return new errors/* ConfigurationError */.j1(`Cloudflare does not know the token (${said}). Make one at ${TOKENS} with Zone → Zone → Read and Zone → DNS → Edit for ` +
            `${zone}, and store it as the secret CLOUDFLARE_TOKEN.`);
    }
    if (status === 403) {
        return new errors/* ConfigurationError */.j1(`Cloudflare refuses ${what} (${said}). The token lacks the permission ${permission} for the zone ${zone}: edit it at ` +
            `${TOKENS}, then run this again.`);
    }
    if (status < 500 && status !== 429) {
        return new errors/* ConfigurationError */.j1(`Cloudflare refuses ${what} (${said}).`);
    }
    return new Error(`Cloudflare answered ${said} when ${what}.`);
}
function listed(error) {
    const { errors } = error;
    return (Array.isArray(errors) ? errors : []).flatMap((one) => {
        const { code, message } = (one ?? {});
        return typeof code === 'number' ? [{ code, message: typeof message === 'string' ? message : '' }] : [];
    });
}
function causeOf(error) {
    const { cause } = error;
    const root = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
    return root instanceof Error && root.message !== '' ? root.message : error.message;
}
function retryAfterMs(error) {
    const { headers } = error;
    const seconds = Number(headers?.get('retry-after') ?? Number.NaN);
    return Number.isFinite(seconds) && seconds > 0 ? Math.min(seconds * 1000, 2 * LONGEST_WAIT_MS) : undefined;
}

// EXTERNAL MODULE: ./node_modules/zod/v4/classic/schemas.js + 11 modules
var schemas = __webpack_require__(92857);
;// CONCATENATED MODULE: ./build/src/dns/cloudflare-origin.js


const PHASE = 'http_request_origin';
const RULES = 'Zone → Origin Rules → Edit';
const SETTINGS = 'Zone → Zone Settings → Read';
const ruleSchema = schemas/* looseObject */._H3({
    id: schemas/* string */.YjP(),
    description: schemas/* string */.YjP().optional(),
    enabled: schemas/* boolean */.zMY().optional(),
    expression: schemas/* string */.YjP().optional(),
    action_parameters: schemas/* looseObject */._H3({ host_header: schemas/* string */.YjP().optional() }).optional(),
});
const rulesetSchema = schemas/* looseObject */._H3({ id: schemas/* string */.YjP(), rules: schemas/* array */.YOg(ruleSchema).nullish() });
/** The origin rules of a zone, and what they depend on. */
function cloudflareOrigins(zone) {
    const { options } = zone;
    return {
        readPlan: () => Promise.resolve(zone.plan),
        readSslMode: () => ask(options, 'reading the SSL mode', async () => {
            const answer = await zone.client.zones.settings.get('ssl', { zone_id: zone.id });
            return schemas/* looseObject */._H3({ value: schemas/* string */.YjP() }).parse(answer).value;
        }, SETTINGS),
        readHost: async (name) => {
            const rule = ours(await readRules(zone), name);
            return rule?.enabled === false ? undefined : rule?.action_parameters?.host_header;
        },
        ensureHost: (name, host) => ensureHost(zone, name, host),
        removeHost: (name) => ask(options, `removing the origin rule of ${name}`, async () => {
            const found = await readRules(zone);
            const rule = ours(found, name);
            if (found === undefined || rule === undefined)
                return;
            await zone.client.rulesets.rules.delete(rule.id, { ruleset_id: found.id, zone_id: zone.id });
        }, RULES),
    };
}
function ensureHost(zone, name, host) {
    const { client, id, options } = zone;
    let changed = false;
    return ask(options, `writing the origin rule of ${name}`, async () => {
        const found = await readRules(zone);
        const rule = ours(found, name);
        const wanted = {
            action: 'route',
            description: describe(name),
            enabled: true,
            expression: `(http.host eq "${name}")`,
            action_parameters: { host_header: host, sni: { value: host } },
        };
        const params = rule?.action_parameters;
        if (rule?.enabled !== false && rule?.expression === wanted.expression && params?.host_header === host)
            return changed;
        changed = true;
        // The whole phase is written only while it has no rules at all: this call replaces them.
        if (found === undefined)
            await client.rulesets.phases.update(PHASE, { zone_id: id, rules: [wanted] });
        else if (rule === undefined)
            await client.rulesets.rules.create(found.id, { zone_id: id, ...wanted });
        else
            await client.rulesets.rules.edit(rule.id, { ruleset_id: found.id, zone_id: id, ...wanted });
        return true;
    }, RULES);
}
/** The zone's origin rules; `undefined` while it has never had any. */
function readRules(zone) {
    return ask(zone.options, 'reading the origin rules', async () => {
        try {
            const answer = await zone.client.rulesets.phases.get(PHASE, { zone_id: zone.id });
            return rulesetSchema.parse(answer);
        }
        catch (error) {
            if (error.status === 404)
                return undefined;
            throw error;
        }
    }, RULES);
}
function ours(ruleset, name) {
    return ruleset?.rules?.find(({ description }) => description === describe(name));
}
/** By its description the rule is found again; rules of others for the same name are left alone. */
function describe(name) {
    return `heroku-to-digitalocean: ${name}`;
}

// EXTERNAL MODULE: ./build/src/dns/record.js
var dns_record = __webpack_require__(89608);
;// CONCATENATED MODULE: ./build/src/dns/cloudflare.js




/** `1` means "auto", which is 300 s (Cloudflare, "TTL", 2026); a proxied record has no other. */
const AUTOMATIC = { written: 1, seconds: 300 };
/** "An identical record already exists", "a record with that host already exists" and their kin. */
const ALREADY_THERE = [81053, 81057, 81058];
/** A zone that Cloudflare serves, through its official client. */
async function cloudflareProvider(options) {
    const zone = await openCloudflareZone(options);
    if (zone.type !== 'full') {
        throw new errors/* ConfigurationError */.j1(`The zone ${options.zone} is "${zone.type}" at Cloudflare: somebody else serves its names, and what is written at Cloudflare ` +
            'does not move them. Name whoever does in `dns.provider` of migration.yml.');
    }
    return {
        origins: cloudflareOrigins(zone),
        title: 'Cloudflare',
        zone: options.zone,
        readAddresses: async (name) => (await addresses(zone, name)).map(({ record }) => record),
        writeAddresses: (name, wanted) => writeAddresses(zone, name, wanted),
        hasText: async (name, value) => (await texts(zone, name, value)).length > 0,
        ensureText: (name, value, ttl) => ask(options, `adding the TXT record ${name}`, async () => {
            if ((await texts(zone, name, value)).length > 0)
                return false;
            try {
                await zone.client.dns.records.create({
                    zone_id: zone.id,
                    type: 'TXT',
                    name,
                    content: `"${value}"`,
                    ttl: written(ttl),
                });
                return true;
            }
            catch (error) {
                if (codesOf(error).some((code) => ALREADY_THERE.includes(code)))
                    return false;
                throw error;
            }
        }),
        removeText: (name, value) => ask(options, `removing the TXT record ${name}`, async () => {
            for (const id of await texts(zone, name, value))
                await zone.client.dns.records.delete(id, { zone_id: zone.id });
        }),
    };
}
/**
 * In one batch, which Cloudflare carries out whole or not at all, in this order: deletes, patches, posts. A record whose
 * type stays is patched, and keeps its comment and tags. Looked at anew before each attempt.
 */
function writeAddresses(zone, name, wanted) {
    const alias = wanted.find(({ type }) => type === 'ALIAS');
    if (alias !== undefined) {
        throw new errors/* ConfigurationError */.j1(`Cloudflare has no ALIAS records, so ${name} cannot lead to ${alias.data}: write a CNAME there, which it flattens.`);
    }
    let changed = false;
    return ask(zone.options, `writing the records of ${name}`, async () => {
        const found = await addresses(zone, name);
        if ((0,dns_record/* sameRecords */.P0)(found.map(({ record }) => record), wanted))
            return changed;
        const left = [...found];
        const changes = wanted.map((record) => {
            const at = left.findIndex((one) => one.record.type === record.type && (0,dns_record/* plainData */.lZ)(one.record.data) === (0,dns_record/* plainData */.lZ)(record.data));
            const same = at === -1 ? left.findIndex((one) => one.record.type === record.type) : at;
            return { record, existing: same === -1 ? undefined : left.splice(same, 1)[0] };
        });
        // Whether this one succeeded may stay unknown; the next look finds it done, and it was us.
        changed = true;
        await zone.client.dns.records.batch({
            zone_id: zone.id,
            deletes: left.map(({ id }) => ({ id })),
            patches: changes.flatMap(({ record, existing }) => existing === undefined || (0,dns_record/* sameRecords */.P0)([existing.record], [record])
                ? []
                : [{ id: existing.id, ...body(name, record) }]),
            posts: changes.flatMap(({ record, existing }) => (existing === undefined ? [body(name, record)] : [])),
        });
        return true;
    });
}
function body(name, { type, data, ttl, proxied = false }) {
    // One shape for the three types; the client's types want each by itself.
    return { type: type, name, content: data, ttl: proxied ? AUTOMATIC.written : written(ttl), proxied };
}
function written(seconds) {
    return seconds === AUTOMATIC.seconds ? AUTOMATIC.written : seconds;
}
async function addresses(zone, name) {
    return ask(zone.options, `reading the records of ${name}`, async () => {
        const found = [];
        for await (const one of list(zone, name)) {
            const { id, type, content = '', ttl, proxied } = one;
            if (type !== 'A' && type !== 'AAAA' && type !== 'CNAME')
                continue;
            const seconds = ttl === AUTOMATIC.written ? AUTOMATIC.seconds : ttl;
            const data = content.replace(/\.$/, '');
            found.push({ id, record: { type, data, ttl: seconds, ...(proxied === true ? { proxied } : {}) } });
        }
        return found;
    });
}
async function texts(zone, name, value) {
    return ask(zone.options, `reading the TXT records of ${name}`, async () => {
        const found = [];
        for await (const { id, type, content = '' } of list(zone, name)) {
            if (type === 'TXT' && unquoted(content) === unquoted(value))
                found.push(id);
        }
        return found;
    });
}
function list({ client, id }, name) {
    return client.dns.records.list({ zone_id: id, name: { exact: name }, per_page: 100 });
}
/** Cloudflare keeps what it was given; its dashboard adds the quotes that the zone file has. */
function unquoted(text) {
    return text.replace(/^"(.*)"$/s, '$1');
}


/***/ })

};
