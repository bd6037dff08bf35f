/** Log records: a sentence for people, and fields for programs. */

/** Fields of a record, by name: `run`, `term`, `round`, `worker` and so on. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Logs sentences, one per line. */
export interface Logger {
  info(line: string, about?: LogFields): void;
  warn(line: string, about?: LogFields): void;
  error(line: string, about?: LogFields): void;
}

/** Logs nothing. */
export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** `text` is for people: the sentence alone. `json` is for programs: one object per line. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How a logger writes. */
export interface LoggerOptions {
  format: LogFormat;
  write(text: string): unknown;
  /** Fields of every record; called for each one, since they may change. */
  context?: () => LogFields;
  /** The clock of the records. @default the system's */
  now?: () => Date;
}

/**
 * A logger that writes one line per record. A JSON record holds `time` (ISO 8601, UTC), `level` (`info`, `warn`,
 * `error`) and `message`, then the context, then the fields of the sentence; neither overrides the first three.
 */
export function createLogger({ format, write, context = () => ({}), now = () => new Date() }: LoggerOptions): Logger {
  const log =
    (level: keyof Logger) =>
    (message: string, about: LogFields = {}) => {
      if (format === 'text') {
        write(`${message}\n`);
        return;
      }
      const head = { time: now().toISOString(), level, message };
      write(`${JSON.stringify({ ...head, ...context(), ...about, ...head })}\n`);
    };
  return { info: log('info'), warn: log('warn'), error: log('error') };
}
