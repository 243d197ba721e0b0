export { createSmtpClient } from './client.ts';
export type { Delivery, Mail, SmtpClient, SmtpOptions, SmtpSecurity } from './client.ts';
export { SmtpError } from './errors.ts';
export type { SmtpErrorType, SmtpOutcome } from './errors.ts';
