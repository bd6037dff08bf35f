/** What goes wrong or is worth saying while a role works: a sentence, and for programs what it is about. */

/** What a sentence is about, by name: `run`, `term`, `round`, `worker` and so on. */
export type LogFields = Readonly<Record<string, string | number | boolean | null>>;

/** Takes sentences, a line each. */
export interface Logger {
  info(line: string, about?: LogFields): void;
  warn(line: string, about?: LogFields): void;
  error(line: string, about?: LogFields): void;
}

/** Says nothing. */
export const silentLogger: Logger = { info: () => {}, warn: () => {}, error: () => {} };

/** `text` is for people: the sentence alone. `json` is for programs: an object a line. */
export const LOG_FORMATS = ['text', 'json'] as const;
export type LogFormat = (typeof LOG_FORMATS)[number];

/** How a logger writes. */
export interface LoggerOptions {
  format: LogFormat;
  write(text: string): unknown;
  /** What every record is about, asked for at each of them: it may change. */
  context?: () => LogFields;
  /** The clock of the records. @default the system's */
  now?: () => Date;
}

/**
 * A logger that writes one line a record. A JSON record holds `time` (ISO 8601, UTC), `level` (`info`, `warn`, `error`)
 * and `message`, then the context, then what the sentence is about; none of these takes the place of the first three.
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
