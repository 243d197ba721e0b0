/** A mail that a run wants people to read. It goes to the recipients of the configuration. */
export interface MailMessage {
  /** Unlike any other mail's: the same id is the same mail and is sent once. `report/<run id>` */
  readonly id: string;
  readonly subject: string;
  readonly text: string;
  /** The same for programs that show HTML. */
  readonly html?: string;
}

/** What became of one try to hand a mail over. */
export type MailDelivery =
  | { readonly configured: false }
  | {
      readonly configured: true;
      readonly accepted: readonly string[];
      /** Recipients for whom the server wants to be asked again later. */
      readonly deferred: readonly string[];
      /** Recipients that the server refused for good, with its words. */
      readonly refused: readonly { readonly address: string; readonly reply: string }[];
    };

/** Result of `deliverMail`. */
export interface MailReceipt {
  readonly outcome: 'delivered' | 'not-configured';
  readonly recipients: readonly string[];
}
