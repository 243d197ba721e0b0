import type { z } from 'zod';

/** The fields of a section with their defaults. */
export function defaulted<Fields extends Record<string, z.ZodType>>(
  fields: Fields,
  defaults: { readonly [Key in keyof Fields]: z.output<Fields[Key]> | Readonly<z.output<Fields[Key]>> },
): { [Key in keyof Fields]: z.ZodDefault<Fields[Key]> } {
  const entries = Object.entries(fields).map(([key, field]) => [
    key,
    field.default(defaults[key]).describe(field.description ?? ''),
  ]);
  return Object.fromEntries(entries) as { [Key in keyof Fields]: z.ZodDefault<Fields[Key]> };
}
