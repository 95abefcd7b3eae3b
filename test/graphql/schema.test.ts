import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  getNamedType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isObjectType,
  isSpecifiedScalarType,
  type GraphQLField,
} from 'graphql';
import { createSchema, type Services } from '../../src/app.js';

const schema = createSchema({} as Services);
const types = Object.values(schema.getTypeMap()).filter(
  (type) => !type.name.startsWith('__') && !isSpecifiedScalarType(type),
);
const upperFirst = (name: string) => name.charAt(0).toUpperCase() + name.slice(1);

describe('the GraphQL schema', () => {
  it('describes every type, field, argument and value', () => {
    const bare: string[] = [];
    const check = (place: string, described: { description?: string | null | undefined }) => {
      if (!described.description?.trim()) bare.push(place);
    };
    for (const type of types) {
      const isRoot =
        type === schema.getQueryType() ||
        type === schema.getMutationType() ||
        type === schema.getSubscriptionType();
      if (!isRoot) check(type.name, type);
      if (isEnumType(type)) for (const value of type.getValues()) check(`${type.name}.${value.name}`, value);
      if (!isObjectType(type) && !isInterfaceType(type) && !isInputObjectType(type)) continue;
      for (const field of Object.values(type.getFields())) {
        check(`${type.name}.${field.name}`, field);
        for (const arg of 'args' in field ? field.args : [])
          check(`${type.name}.${field.name}(${arg.name})`, arg);
      }
    }
    assert.deepEqual(bare, []);
  });

  it('every mutation takes one input of its own and answers a payload of its own', () => {
    for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
      assert.deepEqual(
        field.args.map((arg) => `${arg.name}: ${String(arg.type)}`),
        [`input: ${upperFirst(field.name)}Input!`],
      );
      assert.equal(String(field.type), `${upperFirst(field.name)}Payload!`);
    }
  });

  it('every object with an id is a Node', () => {
    for (const type of types) {
      if (!isObjectType(type) || type.getFields()['id'] === undefined) continue;
      assert.deepEqual(
        type
          .getInterfaces()
          .map(({ name }) => name)
          .filter((name) => name === 'Node'),
        ['Node'],
        type.name,
      );
    }
  });

  it('every connection follows the Relay specification', () => {
    const connections = types.filter((type) => isObjectType(type) && type.name.endsWith('Connection'));
    assert.ok(connections.length >= 5);
    for (const type of connections) {
      assert.ok(isObjectType(type));
      const fields = type.getFields();
      assert.equal(String(fields['pageInfo']?.type), 'PageInfo!', type.name);
      const edge = getNamedType(fields['edges']!.type);
      assert.equal(edge.name, type.name.replace(/Connection$/, 'Edge'));
      assert.ok(isObjectType(edge));
      assert.equal(String(edge.getFields()['cursor']?.type), 'String!');
      assert.ok(edge.getFields()['node']);
    }
  });

  it('every field that answers a connection takes first and after', () => {
    let found = 0;
    for (const type of types) {
      if (!isObjectType(type)) continue;
      for (const field of Object.values(type.getFields()) as GraphQLField<unknown, unknown>[]) {
        if (!getNamedType(field.type).name.endsWith('Connection')) continue;
        found += 1;
        const args = Object.fromEntries(field.args.map((arg) => [arg.name, String(arg.type)]));
        assert.equal(args['first'], 'Int', `${type.name}.${field.name}`);
        assert.equal(args['after'], 'String', `${type.name}.${field.name}`);
      }
    }
    assert.ok(found >= 5);
  });

  it('has the scalars and states of the contract', () => {
    for (const name of ['DateTime', 'JSON', 'BigInt', 'Digest']) assert.ok(schema.getType(name), name);
    const status = schema.getType('CastStatus');
    assert.ok(isEnumType(status));
    assert.deepEqual(
      status
        .getValues()
        .map(({ name }) => name)
        .sort(),
      ['CANCELED', 'FAILED', 'QUEUED', 'RUNNING', 'SUCCEEDED'],
    );
    const code = schema.getType('CastErrorCode');
    assert.ok(isEnumType(code));
    assert.deepEqual(
      code
        .getValues()
        .map(({ name }) => name)
        .sort(),
      [
        'DEADLINE_EXCEEDED',
        'EXIT_NONZERO',
        'FUEL_EXHAUSTED',
        'INVALID_OUTPUT',
        'MEMORY_EXCEEDED',
        'OUTPUT_TOO_LARGE',
        'POLICY_VIOLATION',
        'TRAP',
        'WORKER_LOST',
      ],
    );
  });
});
