/** The newest that is known of the backups of a guest. */
export interface LastBackup {
  /** ISO 8601; when it began, if a backup on a storage is all that is known. */
  readonly endedAt: string;
  readonly ok: boolean;
  /** What is wrong with it; null if nothing is. */
  readonly why: string | null;
}
