import { redacted, type SecretTest } from './secret-keys.js';

/**
 * Secrets in texts that are none of ours: messages, URLs, lines of logs. They are known by how they look, so what is
 * masked is rather too much than too little. All patterns are bounded, since texts may be written to be slow to search.
 */

/** Without one of these there is none. */
const mayHold = /[=:]|bearer|basic|PRIVATE KEY/i;
const urlPassword = /(:\/\/[^\s:@/?#"'<>]{0,256}):[^\s/"'<>]{1,256}@/g;
const scheme = /\b(bearer|basic)[ \t]{1,3}(?=[\w.~+/-]{0,512}[\d=])[\w.~+/-]{6,}={0,2}/gi;
const header = /\b((?:proxy-)?authorization|(?:set-)?cookie)(["']?[ \t]{0,3}[:=][ \t]{0,3}["']?)[^\r\n"']{1,8192}/gi;
const pem =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[\s\S]{0,16384}?-----END [A-Z ]{0,30}PRIVATE KEY-----|[\s\S]{0,16384})/g;
/** A key, what joins it to its value, and the value: in quotes, else up to what ends a word. */
const pair =
  /([a-z_][\w.-]{0,63})(\\{0,3}["'`]?[ \t]{0,3}(=>|[=:])[ \t]{0,3})(?:(\\{0,3}["'`])([^"'`]{0,8192})|([^\s"'`&;,<>(){}[\]\\=]{1,8192}))/gi;

export function maskText(text: string, isSecret: SecretTest): string {
  if (!mayHold.test(text)) return text;
  const masked = text
    .replace(pem, redacted)
    .replace(urlPassword, `$1:${redacted}@`)
    .replace(header, `$1$2${redacted}`)
    .replace(scheme, `$1 ${redacted}`);
  return maskPairs(masked, isSecret);
}

/** What follows a key that is none of a secret may be such a pair itself: `note: password=…`. */
function maskPairs(text: string, isSecret: SecretTest): string {
  const found = new RegExp(pair);
  let masked = '';
  let at = 0;
  for (let match = found.exec(text); match !== null; match = found.exec(text)) {
    const [whole, key = '', joint = '', sign, quote = '', , bare] = match;
    const isSaid = sign === ':' && bare !== undefined && isProse(bare);
    if (isSaid || bare?.startsWith(redacted.slice(1, -1)) || !isSecret(key)) {
      found.lastIndex = match.index + key.length;
      continue;
    }
    masked += `${text.slice(at, match.index)}${key}${joint}${quote}${redacted}`;
    at = match.index + whole.length;
  }
  return masked + text.slice(at);
}

/** `password: must be longer` says something about a password; `password: hunter2` says it. */
function isProse(value: string): boolean {
  return value.length < 16 && !/\d/.test(value);
}
