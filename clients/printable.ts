/** Somebody else's words for a message, without what a terminal would act upon. */
export function printable(text: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what is meant
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
