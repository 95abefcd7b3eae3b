import assert from 'node:assert/strict';
import { test } from 'node:test';
import { accepted, CYCLONEDX, lines, packageWith, refused, SPDX, type Content } from './support.js';

async function spdxProblems(content: Content): Promise<string> {
  return lines(await refused(packageWith({ 'sbom.spdx.json': content }))).join('\n');
}

async function cyclonedxProblems(content: Content): Promise<string> {
  return lines(await refused(packageWith({ 'sbom.spdx.json': null, 'sbom.cdx.json': content }))).join('\n');
}

const cyclonedx = (content: Content) =>
  accepted(packageWith({ 'sbom.spdx.json': null, 'sbom.cdx.json': content }));

test('SPDX 2.2 and 2.3 are accepted, with either spelling of PACKAGE_MANAGER', async () => {
  for (const version of ['2.2', '2.3']) {
    const document = { ...SPDX, spdxVersion: `SPDX-${version}` };
    const { sbom } = (await accepted(packageWith({ 'sbom.spdx.json': document }))).package;
    const { bytes, ...summary } = sbom;
    assert.deepEqual(summary, {
      format: 'spdx',
      version,
      mediaType: 'application/spdx+json',
      componentCount: 1,
    });
    assert.deepEqual(JSON.parse(bytes.toString()), document);
  }
});

test('an SPDX document without a required field is refused by its name', async () => {
  const required = [
    'spdxVersion',
    'SPDXID',
    'name',
    'dataLicense',
    'documentNamespace',
    'creationInfo',
    'packages',
  ];
  for (const field of required) {
    const { [field]: _, ...rest } = SPDX as Record<string, unknown>;
    assert.match(await spdxProblems(rest), new RegExp(`^sbom\\.spdx\\.json/${field}: `));
  }
});

test('bad SPDX values are refused where they stand', async () => {
  const [first] = SPDX.packages;
  assert.match(
    await spdxProblems({ ...SPDX, packages: [{ ...first, SPDXID: 'x y' }] }),
    /packages\/0\/SPDXID/,
  );
  const externalRefs = [
    { referenceCategory: 'CARGO', referenceType: 'purl', referenceLocator: 'pkg:cargo/a' },
  ];
  assert.match(
    await spdxProblems({ ...SPDX, packages: [{ ...first, externalRefs }] }),
    /externalRefs\/0\/referenceCategory/,
  );
  assert.match(
    await spdxProblems({ ...SPDX, creationInfo: { created: 'now', creators: [] } }),
    /creationInfo\/created/,
  );
  assert.match(
    await spdxProblems({ ...SPDX, spdxVersion: 'SPDX-1.2' }),
    /must be "SPDX-2\.2" or "SPDX-2\.3"/,
  );
});

test('SPDX 3 is refused by name', async () => {
  const document = { '@context': 'https://spdx.org/rdf/3.0.1/spdx-context.jsonld', '@graph': [] };
  assert.match(await spdxProblems(document), /is SPDX 3, which is not supported/);
});

test('an SBOM of the other format under this name is refused', async () => {
  assert.match(await spdxProblems(CYCLONEDX), /spdxVersion/);
  assert.match(await cyclonedxProblems(SPDX), /must be CycloneDX/);
});

test('CycloneDX 1.4 to 1.6 are accepted and nested components are counted', async () => {
  for (const version of ['1.4', '1.5', '1.6']) {
    const { sbom } = (await cyclonedx({ ...CYCLONEDX, specVersion: version })).package;
    const { bytes: _, ...summary } = sbom;
    const mediaType = `application/vnd.cyclonedx+json; version=${version}`;
    assert.deepEqual(summary, { format: 'cyclonedx', version, mediaType, componentCount: 2 });
  }
});

test('bad CycloneDX is refused where it stands', async () => {
  assert.match(
    await cyclonedxProblems({ ...CYCLONEDX, specVersion: '1.3' }),
    /must be CycloneDX 1\.4, 1\.5 or 1\.6/,
  );
  assert.match(
    await cyclonedxProblems({ ...CYCLONEDX, components: [{ type: 'library' }] }),
    /^sbom\.cdx\.json\/components\/0: /,
  );
  assert.match(await cyclonedxProblems({ ...CYCLONEDX, colour: 'red' }), /additional properties/);
  assert.match(await cyclonedxProblems('[]'), /must be an object/);
});

test('an SBOM that lists nothing is accepted with a warning', async () => {
  const read = await cyclonedx({ bomFormat: 'CycloneDX', specVersion: '1.6', version: 1 });
  assert.deepEqual(read.warnings, ['the SBOM lists no components']);
});

test('a list that would be compared for minutes is refused', { timeout: 10_000 }, async () => {
  const components = Array.from({ length: 4_000 }, (_, index) => ({ type: 'library', name: `n${index}` }));
  assert.match(await cyclonedxProblems({ ...CYCLONEDX, components }), /lists too long/);
});
