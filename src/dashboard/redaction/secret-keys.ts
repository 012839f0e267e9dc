/** Placeholder for a secret. */
export const redacted = '[redacted]';

/** Endings of secret keys, without separators. They are long enough to be unambiguous. */
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

/** Suffixes that may follow an ending: `passwordHash`, `token_value`, `password2`, `passwordConfirmation`. */
const tail = '(?:hash|value|text|string|plain|raw|confirm(?:ation)?)?\\d{0,4}$';

/** Short words that are recognised only as separate words of a key. */
const words = ['auth', 'bearer', 'cvc', 'cvv', 'jwt', 'otp', 'pass', 'pin', 'pwd', 'ssn'];

const capitalized = words.map((word) => `${word[0]?.toUpperCase()}${word.slice(1)}`);
const ending = new RegExp(`(?:${endings.join('|')})s?${tail}`);
const word = new RegExp(`(?:^|[^a-z])(?:${words.join('|')})s?$`, 'i');
const humpedWord = new RegExp(`[a-z0-9](?:${capitalized.join('|')})s?$`);

/** Returns true if the value of the key is a secret. */
export type SecretTest = (key: string) => boolean;

/** @param more - additional keys, which match a whole key or its end in any spelling, or patterns of keys */
export function secretTest(more: readonly (string | RegExp)[]): SecretTest {
  const own = more.filter((key) => typeof key === 'string').map(plain);
  // The flags `g` and `y` are removed, because they would make the result of a test depend on the previous test.
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

/** Normalises a key: `x-api-key`, `X_API_KEY` and `xApiKey` become the same. */
function plain(key: string): string {
  return key.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '');
}
