/** Texts that a server chose, made fit for a terminal, for a comment and for YAML. */

const longest = 300;

/** One line without control characters: a server's words must not move a cursor or end a comment. */
export function printable(text: string): string {
  // \p{C}: control and format characters, among them those that turn the direction of writing.
  const line = text.replace(/[\p{C}\s]+/gu, " ").trim();
  return line.length > longest ? `${line.slice(0, longest)}…` : line;
}

/** A text as YAML writes it: plain where nothing in it can be misread, else in JSON's quotes, which YAML has too. */
export function yamlText(text: string): string {
  const plain = /^[A-Za-z_][\w./-]*$/.test(text) && !/^(true|false|null|yes|no|on|off|y|n)$/i.test(text);
  if (plain) return text;
  // What JSON leaves as it is, and YAML takes for an end of line or not at all.
  return JSON.stringify(text).replace(/[\u007f-\u009f\u2028\u2029\ufeff]/g, (c) => {
    return `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`;
  });
}

/** `a, b, c and 17 more`. */
export function listed(names: readonly string[], most = 20): string {
  const shown = names.slice(0, most).map(printable).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

/** As a POSIX shell takes it for one word. */
export function shellWord(text: string): string {
  const plain = printable(text);
  return /^[\w@%+=:,./-]+$/.test(plain) ? plain : `'${plain.replaceAll("'", "'\\''")}'`;
}
