/** HTML that cannot be broken by what is put into it. */

/** Text that is HTML already. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Inserted = Markup | string | number | readonly Inserted[];

/** A template literal as HTML: what is inserted is escaped, unless it is Markup; of lists, every item. */
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

/** Text as HTML and XML show it, within attributes too. */
export function escapeText(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!);
}

/** Plain text whose indices, as in θ_t, are set as such. */
export function withIndices(text: string): Markup {
  return new Markup(escapeText(text).replace(/_(\w)/g, '<sub>$1</sub>'));
}
