/** Makes text from strangers safe to show: on a terminal, in a log, on a page. */

const ESC = character(0x1b);
const BEL = character(0x07);
// the controls of eight bits that mean the same as ESC and a letter
const DCS = character(0x90);
const SOS = character(0x98);
const CSI = character(0x9b);
const ST = character(0x9c);
const OSC = character(0x9d);
const APC = character(0x9f);
const CONTROL = `(?:${ESC}\\[|${CSI})[0-?]*[ -/]*`;
const STRING = `(?:${ESC}[PX^_\\]]|[${DCS}${SOS}${OSC}-${APC}])`;
const END = `(?:${BEL}|${ESC}\\\\|${ST})`;

/**
 * Escape sequences (ECMA-48, 5th edition, sections 5.3 to 5.6): control sequences with their parameters, control strings
 * with what they say, and an ESC with what follows it.
 */
const ESCAPES = new RegExp(
  // those that are cut off as well
  [`${CONTROL}[@-~]?`, `${STRING}[^${BEL}${ESC}${character(0x80)}-${APC}]*${END}`, `${ESC}[ -/]*[0-~]?`].join('|'),
  'g',
);
/** Line breaks and tabs, whatever they are called. */
const BREAKS = /[\t\n\v\f\r\x85\p{Zl}\p{Zp}]+/gu;
/** All other control characters, and those that make a reader see the text in another order than it has. */
const UNSEEN = /[\p{Cc}\p{Bidi_Control}]+/gu;

/**
 * The text on one line, without escape sequences, control characters and marks of direction. What a person reads is
 * otherwise the same.
 */
export function plainText(text: string): string {
  return text.replace(ESCAPES, '').replace(BREAKS, ' ').replace(UNSEEN, '');
}

/** Whether `plainText` leaves the text as it is. */
export function isPlainText(text: string): boolean {
  return plainText(text) === text;
}

function character(code: number): string {
  return String.fromCharCode(code);
}
