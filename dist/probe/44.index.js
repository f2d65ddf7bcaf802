export const id = 44;
export const ids = [44];
export const modules = {

/***/ 96044:
/***/ ((__unused_webpack___webpack_module__, __webpack_exports__, __webpack_require__) => {

/* harmony export */ __webpack_require__.d(__webpack_exports__, {
/* harmony export */   route53Provider: () => (/* binding */ route53Provider)
/* harmony export */ });
/* harmony import */ var _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__ = __webpack_require__(8621);
/* harmony import */ var _errors_js__WEBPACK_IMPORTED_MODULE_2__ = __webpack_require__(27406);
/* harmony import */ var _record_js__WEBPACK_IMPORTED_MODULE_0__ = __webpack_require__(89608);



const ATTEMPTS = 5;
const LONGEST_WAIT_MS = 20_000;
/** A zone that Route 53 serves, through AWS's own client. */
async function route53Provider(options) {
    const client = new _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .Route53Client */ .LhC({
        // Route 53 is one service for the world and lives there.
        region: 'us-east-1',
        maxAttempts: 3,
        endpoint: options.apiUrl,
        ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    });
    const zone = { client, options, id: await findZone(client, options) };
    return {
        title: 'Route 53',
        zone: options.zone,
        readAddresses: async (name) => asNameRecords(name, await addressSets(zone, name)),
        writeAddresses: (name, wanted) => writeAddresses(zone, name, wanted),
        hasText: async (name, value) => textsIn(await textSet(zone, name)).includes(value),
        ensureText: (name, value, ttl) => changing(zone, `adding the TXT record ${name}`, async () => {
            const set = await textSet(zone, name);
            if (textsIn(set).includes(value))
                return [];
            const lines = [...(set?.ResourceRecords ?? []), { Value: quoted(value) }];
            return [upsert({ Name: name, Type: 'TXT', TTL: set?.TTL ?? ttl, ResourceRecords: lines })];
        }),
        removeText: async (name, value) => {
            await changing(zone, `removing the TXT record ${name}`, async () => {
                const set = await textSet(zone, name);
                if (set === undefined || !textsIn(set).includes(value))
                    return [];
                const lines = (set.ResourceRecords ?? []).filter((line) => unquoted(line.Value ?? '') !== value);
                return lines.length === 0
                    ? [{ Action: 'DELETE', ResourceRecordSet: set }]
                    : [upsert({ ...set, ResourceRecords: lines })];
            });
        },
    };
}
/** The public hosted zone of that name, or the one with the id, whose name must be the one of migration.yml. */
async function findZone(client, options) {
    const { zone, zoneId } = options;
    if (zoneId !== undefined) {
        const { HostedZone } = await ask(options, `looking for the hosted zone ${zoneId}`, 'route53:GetHostedZone', () => client.send(new _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .GetHostedZoneCommand */ .HAz({ Id: zoneId })));
        const name = (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(HostedZone?.Name ?? '');
        if (name === zone)
            return zoneId;
        throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`The hosted zone ${zoneId} is that of ${name}, and \`dns.zone\` of migration.yml says ${zone}. Correct one of them.`);
    }
    const found = (await zonesNamed(client, options)).filter(({ Config }) => Config?.PrivateZone !== true);
    const [first] = found;
    if (first === undefined) {
        throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`Route 53 shows these credentials no public hosted zone ${zone}. Check \`dns.zone\` in migration.yml and the account that the ` +
            'credentials belong to.');
    }
    if (found.length > 1) {
        throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`Route 53 has ${found.length} public hosted zones ${zone} (${found.map(idOf).join(', ')}): only one of them is delegated. ` +
            'Name it in `dns.zone-id` of migration.yml.');
    }
    return idOf(first);
}
async function zonesNamed(client, options) {
    const found = [];
    let from = { DNSName: options.zone };
    for (;;) {
        const page = await ask(options, `looking for the hosted zone ${options.zone}`, 'route53:ListHostedZonesByName', () => client.send(new _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .ListHostedZonesByNameCommand */ .agy(from)));
        // In the order of their names, from the wanted one on.
        const same = (page.HostedZones ?? []).filter(({ Name }) => (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(Name ?? '') === options.zone);
        found.push(...same);
        const { NextDNSName, NextHostedZoneId, IsTruncated } = page;
        if (IsTruncated !== true || NextDNSName === undefined || (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(NextDNSName) !== options.zone)
            return found;
        from = {
            DNSName: NextDNSName,
            ...(NextHostedZoneId === undefined ? {} : { HostedZoneId: NextHostedZoneId }),
        };
    }
}
function idOf({ Id = '' }) {
    return Id.replace(/^\/hostedzone\//, '');
}
/** One batch, which Route 53 carries out whole or not at all. Looked at anew before each attempt. */
function writeAddresses(zone, name, wanted) {
    return changing(zone, `writing the records of ${name}`, async () => {
        const found = await addressSets(zone, name);
        if ((0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .sameRecords */ .P0)(asNameRecords(name, found), wanted))
            return [];
        const sets = asSets(name, wanted);
        const removed = found.filter(({ Type }) => !sets.some((set) => set.Type === Type));
        return [
            ...removed.map((set) => ({ Action: 'DELETE', ResourceRecordSet: set })),
            ...sets.map(upsert),
        ];
    });
}
function upsert(set) {
    return { Action: 'UPSERT', ResourceRecordSet: set };
}
/** Records of one type are one set with one lifetime. */
function asSets(name, records) {
    const sets = new Map();
    for (const { type, data, ttl, alias } of records) {
        if (type === 'ALIAS') {
            if (alias === undefined) {
                throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`Where the ALIAS of ${name} to ${data} lies is not known: write it by hand.`);
            }
            const target = { DNSName: data, HostedZoneId: alias.zone, EvaluateTargetHealth: alias.evaluateHealth };
            sets.set(alias.answers, { Name: name, Type: alias.answers, AliasTarget: target });
            continue;
        }
        const set = sets.get(type) ?? { Name: name, Type: type, TTL: ttl, ResourceRecords: [] };
        sets.set(type, { ...set, ResourceRecords: [...(set.ResourceRecords ?? []), { Value: data }] });
    }
    return [...sets.values()];
}
function asNameRecords(name, sets) {
    return sets.flatMap(({ Type, TTL = 0, ResourceRecords = [], AliasTarget, SetIdentifier }) => {
        if (Type !== 'A' && Type !== 'AAAA' && Type !== 'CNAME')
            return [];
        if (SetIdentifier !== undefined) {
            throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`${name} has a routing policy at Route 53 (its record ${Type} "${SetIdentifier}" is one of several that answer by weight, ` +
                'place or health). Such records are not moved: make it a simple record, or move this name by hand.');
        }
        if (AliasTarget !== undefined) {
            const alias = {
                answers: Type === 'AAAA' ? 'AAAA' : 'A',
                zone: AliasTarget.HostedZoneId ?? '',
                evaluateHealth: AliasTarget.EvaluateTargetHealth ?? false,
            };
            return [{ type: 'ALIAS', data: (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(AliasTarget.DNSName ?? ''), ttl: 0, alias }];
        }
        return ResourceRecords.map(({ Value = '' }) => ({
            type: Type,
            data: Value.replace(/\.$/, ''),
            ttl: TTL,
        }));
    });
}
async function addressSets(zone, name) {
    return (await setsOf(zone, name)).filter(({ Type }) => Type === 'A' || Type === 'AAAA' || Type === 'CNAME');
}
async function textSet(zone, name) {
    return (await setsOf(zone, name)).find(({ Type }) => Type === 'TXT');
}
/** Sets come ordered by name, from the given one on, and page by page. */
async function setsOf({ client, options, id }, name) {
    const found = [];
    let from = {
        StartRecordName: name,
    };
    for (;;) {
        const page = await ask(options, `reading the records of ${name}`, 'route53:ListResourceRecordSets', () => client.send(new _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .ListResourceRecordSetsCommand */ .IOz({ HostedZoneId: id, ...from })));
        const own = (page.ResourceRecordSets ?? []).filter(({ Name }) => (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(Name ?? '') === name);
        found.push(...own);
        const next = (0,_record_js__WEBPACK_IMPORTED_MODULE_0__/* .plainData */ .lZ)(page.NextRecordName ?? '');
        if (page.IsTruncated !== true || next !== name)
            return found;
        from = {
            StartRecordName: page.NextRecordName,
            StartRecordType: page.NextRecordType,
            StartRecordIdentifier: page.NextRecordIdentifier,
        };
    }
}
/** Sends what `plan` finds to be changed; `false` when that is nothing. Planned anew when something came in between. */
async function changing(zone, what, plan) {
    const { client, options, id } = zone;
    let sent = false;
    return ask(options, what, 'route53:ChangeResourceRecordSets', async () => {
        const Changes = await plan();
        if (Changes.length === 0)
            return sent;
        sent = true;
        try {
            await client.send(new _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .ChangeResourceRecordSetsCommand */ .yzn({
                HostedZoneId: id,
                ChangeBatch: { Comment: 'heroku-to-digitalocean', Changes },
            }));
        }
        catch (error) {
            // The SDK repeats what was not answered; what was carried out the first time cannot be deleted once more.
            const name = error instanceof Error ? error.name : '';
            if (name !== 'InvalidChangeBatch' || (await plan()).length > 0)
                throw error;
        }
        return true;
    });
}
/** What AWS says when it does not know who asks. */
const UNKNOWN = new Set([
    'InvalidClientTokenId',
    'UnrecognizedClientException',
    'SignatureDoesNotMatch',
    'IncompleteSignature',
    'ExpiredToken',
    'ExpiredTokenException',
    'MissingAuthenticationToken',
    'CredentialsProviderError',
]);
const AGAIN = new Set([
    'Throttling',
    'ThrottlingException',
    'PriorRequestNotComplete',
    'TooManyRequestsException',
]);
/**
 * One question to Route 53, asked again when it is busy or gives no whole answer: `act` must bear that. What is thrown
 * holds no credential.
 */
async function ask(options, what, permission, act) {
    const { clock, signal, log, zone } = options;
    for (let attempt = 1;; attempt += 1) {
        try {
            return await act();
        }
        catch (error) {
            signal?.throwIfAborted();
            if (error instanceof _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1)
                throw error;
            const name = error instanceof Error ? error.name : '';
            const status = error instanceof _aws_sdk_client_route_53__WEBPACK_IMPORTED_MODULE_1__/* .Route53ServiceException */ .MMk ? error.$metadata.httpStatusCode : undefined;
            const said = `${name}${status === undefined ? '' : `, HTTP ${status}`}: ${(0,_errors_js__WEBPACK_IMPORTED_MODULE_2__/* .messageOf */ .bD)(error)}`;
            if (UNKNOWN.has(name)) {
                throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`AWS does not know the credentials (${said}). Store those of a user or role that may change the zone ${zone} as the secrets ` +
                    'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or let the job take a role by OpenID Connect before this step.');
            }
            if (/^AccessDenied/.test(name) || (status === 403 && !AGAIN.has(name))) {
                throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(`AWS refuses ${what} (${said}). The credentials lack ${permission}: docs/dns.md has the policy that is needed.`);
            }
            const again = AGAIN.has(name) || status === undefined || status === 429 || status >= 500;
            const explained = `Route 53 did not answer as hoped when ${what} (${said}).`;
            if (!again)
                throw new _errors_js__WEBPACK_IMPORTED_MODULE_2__/* .ConfigurationError */ .j1(explained);
            if (attempt >= ATTEMPTS)
                throw new Error(explained);
            const wait = Math.min(LONGEST_WAIT_MS, 1000 * 2 ** (attempt - 1));
            log.warning(`${explained} Trying again in ${Math.round(wait / 1000)} s.`);
            await clock.sleep(wait, signal);
        }
    }
}
/** A TXT value stands in quotes; quotes and backslashes in it behind a backslash. Ours are shorter than 255 characters. */
function quoted(value) {
    return `"${value.replaceAll(/["\\]/g, String.raw `\$&`)}"`;
}
function unquoted(value) {
    return [...value.matchAll(/"((?:[^"\\]|\\.)*)"/gs)]
        .map(([, part = '']) => part.replaceAll(/\\(.)/gs, '$1'))
        .join('');
}
function textsIn(set) {
    return (set?.ResourceRecords ?? []).map(({ Value = '' }) => unquoted(Value));
}


/***/ })

};
