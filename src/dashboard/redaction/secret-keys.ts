/** What stands in place of a secret. */
export const redacted = '[redacted]';

/** Ends of keys, without what words are joined by. They are long enough to mean nothing else. */
const endings = [
  'password',
  'passwd',
  'passphrase',
  'passcode',
  'secret',
  'token',
  'apikey',
  'accesskey',
  'accesskeyid',
  'accountkey',
  'authkey',
  'encryptionkey',
  'licensekey',
  'masterkey',
  'privatekey',
  'privkey',
  'secretkey',
  'sharedkey',
  'signingkey',
  'sshkey',
  'credential',
  'authorization',
  'cookie',
  'sessionid',
  'connectionstring',
  'mnemonic',
  'seedphrase',
  'recoverycode',
];

/** What may stand behind these: `passwordHash`, `token_value`, `password2`, `passwordConfirmation`. */
const tail = '(?:hash|value|text|string|plain|raw|confirm(?:ation)?)?\\d{0,4}$';

/** Short words, which only count where they are words of their own. */
const words = ['auth', 'bearer', 'cvc', 'cvv', 'jwt', 'otp', 'pass', 'pin', 'pwd', 'ssn'];

const capitalized = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`);
const ending = new RegExp(`(?:${endings.join('|')})s?${tail}`);
const word = new RegExp(`(?:^|[^a-z])(?:${words.join('|')})s?$`, 'i');
const humpedWord = new RegExp(`[a-z0-9](?:${capitalized.join('|')})s?$`);

/** Says of a key whether its value is a secret. */
export type SecretTest = (key: string) => boolean;

/** @param more - keys, as a whole or as an end however they are written; or patterns of keys */
export function secretTest(more: readonly (string | RegExp)[]): SecretTest {
  const own = more.filter((key) => typeof key === 'string').map(plain);
  // What a pattern has found last must not say where it looks next.
  const patterns = more
    .filter((key) => typeof key !== 'string')
    .map(({ source, flags }) => new RegExp(source, flags.replace(/[gy]/g, '')));
  return (key) => {
    const joined = plain(key);
    return (
      ending.test(joined) ||
      word.test(key) ||
      humpedWord.test(key) ||
      own.some((one) => joined.endsWith(one)) ||
      patterns.some((pattern) => pattern.test(key))
    );
  };
}

/** `x-api-key`, `X_API_KEY` and `xApiKey` are the same. */
function plain(key: string): string {
  return key.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}
