/** In each of them; a command whose words begin with it was obeyed. */
export const MARK = 'PWNED';

/** What a name, a message or a value may hold that makes a log, a summary or a page do something. Short enough for a name. */
export const HOSTILE: readonly string[] = [
  `\n::error::${MARK}`,
  `\r\n##[add-mask]${MARK}`,
  `\r::set-output name=a::${MARK}`,
  ` ##[error]${MARK}`,
  `%0A::stop-commands::${MARK}`,
  `\u2028::add-mask::${MARK}\u2029`,
  `\u001b[31m|</details>${MARK}`,
  `<script>${MARK}()</script>`,
  `<img src=x onerror=${MARK}>`,
  `"' onmouseover=${MARK} x="`,
  `[x](javascript:${MARK})`,
  `![x](https://${MARK}.example)`,
  ` | \`a\` |\n| - |\n| ${MARK} |`,
  `\n\n# ${MARK}\n`,
  `\n\`\`\`\n${MARK}\n~~~\n`,
  `\u202e\u2066\u200b\ufeff${MARK}`,
  `😀\u0007\u001b]8;;x\u0007${MARK}`,
  `@acme/${MARK} www.${MARK}.example`,
  `-->]]>&lt;${MARK}&amp;`,
  '${{ secrets.X }}$(id)`id`' + MARK,
];

/** All of them, a character that is half of one, and more than any log or summary takes. */
export const HOSTILE_MESSAGE = `${HOSTILE.join(' and ')} \ud83d ${MARK}${'A very long word. '.repeat(60_000)}`;
