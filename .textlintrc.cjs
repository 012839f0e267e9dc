const { join } = require('node:path');

const own = (name) => join(__dirname, 'scripts', 'prose', name);

module.exports = {
  plugins: { [own('comments.mjs')]: true },
  rules: {
    prh: { rulePaths: [own('words.yml')] },
    [own('opening.mjs')]: {
      // biome-ignore format: a list of words
      words: [
        'what', 'who', 'whom', 'whose', 'how', 'whether', 'which', 'where', 'why', 'it', 'its', 'that', 'this', 'these', 'those',
        'they', 'one', 'the same', 'as', 'else', 'is', 'are', 'has', 'does', 'can', 'may', 'must', 'such', 'so', 'nobody',
        'nothing', 'somebody', 'anything', 'there',
      ],
    },
  },
};
