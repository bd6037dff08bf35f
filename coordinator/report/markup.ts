/** HTML templates that escape what is inserted. */

/** Text that already is HTML. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Inserted = Markup | string | number | readonly Inserted[];

/** A template literal as HTML: inserted values are escaped, except Markup; lists are joined. */
export function html(strings: TemplateStringsArray, ...inserted: Inserted[]): Markup {
  return new Markup(strings.reduce((text, string, index) => `${text}${escaped(inserted[index - 1]!)}${string}`));
}

function escaped(value: Inserted): string {
  if (value instanceof Markup) return value.text;
  return typeof value === 'object' ? value.map(escaped).join('') : escapeText(String(value));
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
};

/** Escapes text for HTML and XML, including attribute values. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Escapes plain text and sets indices, as in θ_t, as subscripts. */
export function withIndices(text: string): Markup {
  return new Markup(escapeText(text).replace(/_(\w)/g, '<sub>$1</sub>'));
}
