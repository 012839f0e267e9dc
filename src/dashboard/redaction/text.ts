import { redacted, type SecretTest } from './secret-keys.js';
import { endOfValue } from './values-in-text.js';

/**
 * Masks secrets in free text: messages, URLs, log lines. Secrets are recognised by their form; in doubt, too much is
 * masked rather than too little. Every pattern is bounded, because text may be crafted to be slow to search.
 */

/** Quick check: text without any of these contains no secret. */
const mayHold = /[=:]|--|<\/|bearer|basic|PRIVATE KEY|eyJ|gh[a-z]_|github_pat_|glpat-|[sr]k[-_]|xox|AKIA|AIza|npm_/i;
const urlPassword = /(:\/\/[^\s:@/?#"'<>]{0,256}):[^\s/"'<>]+@/g;
const scheme = /\b(bearer|basic)[ \t]{1,3}(?=[\w.~+/-]{0,512}[\d=])[\w.~+/-]{6,}={0,2}/gi;
const header = /\b((?:proxy-)?authorization|(?:set-)?cookie)([ \t]{0,3}[:=][ \t]{0,3})(?=[^\s"'`{[])[^\r\n]+/gi;
const element = /<([a-z][\w.:-]{0,63})((?:\s[^<>]{0,256})?>)[^<]+(?=<\/)/gi;
const pem =
  /-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----(?:[\s\S]{0,16384}?-----END [A-Z ]{0,30}PRIVATE KEY-----|[\s\S]{0,16384})/g;
/** Tokens with a recognisable form: JSON web tokens, and tokens of well-known services. */
const known =
  /(?<![\w-])(?:eyJ[\w-]{6,4096}\.[\w-]{2,8192}(?:\.[\w-]{0,4096})?|gh[opusr]_\w{20,255}|github_pat_\w{20,255}|glpat-[\w-]{16,255}|[sr]k[-_](?:live|test|proj|ant)[-_][\w-]{10,255}|xox[abeoprs]-[\w-]{10,255}|AKIA[A-Z\d]{16}|AIza[\w-]{30,60}|npm_\w{30,60})/g;
/**
 * A key and the separator before its value: an operator such as `=` or `:`, or just a space after a command-line
 * option.
 */
const key =
  /([a-z_][\w.-]{0,63})(?:\\{0,3}["'`]?[ \t]{0,3}(=>|={1,3}|:=?)[ \t]{0,3}|[ \t]{1,3}(?<=--[\w.-]{1,64}[ \t]{1,3})(?!-))/gi;

export function maskText(text: string, isSecret: SecretTest): string {
  if (!mayHold.test(text)) return text;
  const masked = text
    .replace(pem, redacted)
    .replace(urlPassword, `$1:${redacted}@`)
    .replace(header, `$1$2${redacted}`)
    .replace(scheme, `$1 ${redacted}`)
    .replace(known, redacted)
    .replace(element, (whole, name, rest) => (isSecret(name) ? `<${name}${rest}${redacted}` : whole));
  return maskPairs(masked, isSecret);
}

/**
 * Masks the values of secret keys. The value of a key that is not secret may itself contain such a pair: `note:
 * password=…`.
 */
function maskPairs(text: string, isSecret: SecretTest): string {
  const found = new RegExp(key);
  let masked = '';
  let at = 0;
  for (let match = found.exec(text); match !== null; match = found.exec(text)) {
    const [whole, name = '', sign = ':'] = match;
    const begin = match.index + whole.length;
    const value =
      isSecret(name) || isSecret(wordBefore(text, match.index) + name) ? endOfValue(text, begin) : undefined;
    const isSaid = value?.kind === 'bare' && sign === ':' && isProse(text.slice(value.begin, value.end));
    if (value === undefined || isSaid) {
      found.lastIndex = match.index + name.length;
      continue;
    }
    masked += text.slice(at, value.begin) + redacted;
    at = value.end;
    found.lastIndex = value.end;
  }
  return masked + text.slice(at);
}

/** The word before a key, for keys of two words: `api key: …`, `Secret Key = …`. */
function wordBefore(text: string, index: number): string {
  return /([a-z]{2,16})[ \t]$/i.exec(text.slice(Math.max(0, index - 18), index))?.[1] ?? '';
}

/**
 * Returns true if the value is a remark about a secret (`password: must be longer`) and not the secret itself
 * (`password: hunter2`).
 */
function isProse(value: string): boolean {
  return value.length < 16 && !/\d/.test(value);
}
