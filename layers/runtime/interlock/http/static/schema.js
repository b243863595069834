// JSON Schema (2020-12, as pydantic writes it), read for a form.

/** Follow `$ref` and join what stands beside it. */
export function resolved(schema, root) {
  let found = schema ?? {};
  for (let steps = 0; found.$ref && steps < 20; steps += 1) {
    const { $ref, ...beside } = found;
    found = { ...pointed(root, $ref), ...beside };
  }
  if (found.allOf?.length === 1) {
    const { allOf, ...beside } = found;
    return resolved({ ...allOf[0], ...beside }, root);
  }
  return found;
}

function pointed(root, reference) {
  const parts = reference
    .replace(/^#\/?/, '')
    .split('/')
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  return parts.reduce((node, part) => node?.[part], root) ?? {};
}

const isFile = (schema) => schema.format === 'interlock-file';
const isNull = (schema) => schema.type === 'null';
const constants = (schema) => schema.enum ?? ('const' in schema ? [schema.const] : null);

/**
 * Return `{kind, schema, nullable, options}`. Kinds: file, choice, boolean, number, string, object, list, union, and
 * json for everything that has no better field.
 */
export function read(given, root) {
  const schema = resolved(given, root);
  const several = schema.anyOf ?? schema.oneOf;
  if (several)
    return readUnion(
      schema,
      several.map((one) => resolved(one, root)),
      root,
    );
  if (Array.isArray(schema.type)) {
    const { type, ...rest } = schema;
    return read({ ...rest, anyOf: type.map((one) => ({ ...rest, type: one })) }, root);
  }
  if (isFile(schema)) return { kind: 'file', schema };
  if (constants(schema)) return { kind: 'choice', schema, options: constants(schema) };
  return { kind: plainKind(schema, root), schema };
}

function plainKind(schema, root) {
  if (schema.type === 'object') return Object.keys(schema.properties ?? {}).length ? 'object' : 'json';
  if (schema.type === 'array') return schema.items && !schema.prefixItems ? 'list' : 'json';
  if (schema.type === 'integer' || schema.type === 'number') return 'number';
  if (schema.type === 'string' || schema.type === 'boolean') return schema.type;
  return 'json';
}

function readUnion({ anyOf, oneOf, ...outer }, all, root) {
  const nullable = all.some(isNull);
  const options = all.filter((one) => !isNull(one));
  const file = options.find(isFile);
  if (file) return { kind: 'file', schema: { ...file, ...outer }, nullable };
  if (options.every(constants)) {
    return { kind: 'choice', schema: outer, nullable, options: options.flatMap(constants) };
  }
  if (options.length === 1) return { ...read({ ...options[0], ...outer }, root), nullable };
  return { kind: 'union', schema: outer, nullable, options };
}

/** The value that a field starts with: its default, and what a required object or list begins with. */
export function initial(given, root, required = true) {
  const { kind, schema, nullable, options } = read(given, root);
  if ('default' in schema) return schema.default ?? undefined;
  if (!required || nullable) return undefined;
  if (kind === 'choice' && options.length === 1) return options[0];
  if (kind === 'boolean') return false;
  if (kind === 'list') return [];
  if (kind === 'union') return initial(options[0], root);
  if (kind !== 'object') return undefined;
  return Object.fromEntries(
    Object.entries(schema.properties)
      .map(([name, inner]) => [name, initial(inner, root, (schema.required ?? []).includes(name))])
      .filter(([, value]) => value !== undefined),
  );
}

export const titleOf = (schema, name) => schema.title ?? name;

/** The index of the alternative that a value belongs to, by its type; 0 if there is none. */
export const variantOf = (options, value, root) =>
  Math.max(
    0,
    options.findIndex((one) => fitting(read(one, root), value)),
  );

function fitting({ kind, schema, options }, value) {
  if (kind === 'list') return Array.isArray(value);
  if (kind === 'choice') return options.includes(value);
  if (kind !== 'object') return typeof value === kind;
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false;
  // Variants of a discriminated union differ in a constant.
  return Object.entries(schema.properties).every(([name, inner]) => !('const' in inner) || inner.const === value[name]);
}

/** Escape a name for a JSON Pointer (RFC 6901). */
export const segment = (name) => String(name).replaceAll('~', '~0').replaceAll('/', '~1');

/** The problems of a value as `[{path, message}]`. The server checks the rest. */
export function problems(given, value, root, path = '', required = true) {
  const { kind, schema, nullable, options } = read(given, root);
  const told = (message) => [{ path, message }];
  if (value === undefined) return required ? told('is required') : [];
  if (value === null) return nullable ? [] : told('may not be removed');
  if (value instanceof Invalid) return told(value.message);
  if (kind === 'object') return ofObject(schema, value, root, path);
  if (kind === 'list') return ofList(schema, value, root, path, told);
  if (kind === 'union') return problems(options[variantOf(options, value, root)], value, root, path);
  if (kind === 'number') return ofNumber(schema, value).flatMap(told);
  return kind === 'string' ? ofString(schema, value).flatMap(told) : [];
}

/** A text that is no value of its field's type, kept so that it can be corrected. */
export class Invalid {
  constructor(text, message) {
    this.text = text;
    this.message = message;
  }
}

const ofObject = (schema, value, root, path) =>
  Object.entries(schema.properties).flatMap(([name, inner]) =>
    problems(inner, value[name], root, `${path}/${segment(name)}`, (schema.required ?? []).includes(name)),
  );

function ofList(schema, value, root, path, told) {
  const inner = value.flatMap((one, index) => problems(schema.items, one, root, `${path}/${index}`));
  if (value.length < (schema.minItems ?? 0)) return told(`needs at least ${schema.minItems} items`).concat(inner);
  if (value.length > (schema.maxItems ?? Infinity)) return told(`takes at most ${schema.maxItems} items`).concat(inner);
  return inner;
}

function ofNumber(schema, value) {
  if (schema.type === 'integer' && !Number.isInteger(value)) return ['must be a whole number'];
  if (value < schema.minimum) return [`must be at least ${schema.minimum}`];
  if (value > schema.maximum) return [`must be at most ${schema.maximum}`];
  if (value <= schema.exclusiveMinimum) return [`must be greater than ${schema.exclusiveMinimum}`];
  if (value >= schema.exclusiveMaximum) return [`must be less than ${schema.exclusiveMaximum}`];
  return [];
}

function ofString(schema, value) {
  const length = [...value].length;
  if (length < (schema.minLength ?? 0)) return [`needs at least ${schema.minLength} characters`];
  if (length > (schema.maxLength ?? Infinity)) return [`takes at most ${schema.maxLength} characters`];
  return schema.pattern && !matches(schema.pattern, value) ? [`must match ${schema.pattern}`] : [];
}

function matches(pattern, value) {
  try {
    return new RegExp(pattern, 'u').test(value);
  } catch {
    return true; // a pattern of another dialect, which the server checks
  }
}
