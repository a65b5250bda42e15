"""Texts that try a tokenizer: every kind of character next to every other, from a seed."""

import random

WORDS = (
    "the bank lender borrower agreement Silicon Valley Inc. Corp. U.S. $5,000,000 5.25% Lender's non-compete and/or "
    "interest LIBOR EBITDA Evergreen Solar SAS Provence dated January 27, 1999 section 2.1(a)(ii) unaffable running "
    "tokenization internationalisation [SEP] [CLS] [UNK] [PAD] [MASK] [sep] ##ing ' '' `` -- ... @ # & http://a.b/c?d=e"
).split()
ACCENTED = "éèêëàâäçñöüßøåÉÀÇÑÖÜẞØÅœŒæÆłŁđĐıİşŞğĞőŐžŽšŠčČ"
CASED = "ΑΒΓΣςσΩάέΰАБВЯЁйЙЇїДжЖҐԱԲაბႠႡᏣꭰꮿℵℜÅKΩſKﬁﬂŉǅǆǰẖẗẘẙẚ"
MARKS = "\u0300\u0301\u0302\u0303\u0307\u0308\u0316\u0323\u0327\u0328\u0334\u0338\u0345\u0360\u0483\u05B0\u05BC\u064B" \
    "\u0651\u0653\u06D6\u093C\u094D\u0E38\u0E48\u0F71\u0F72\u0F74\u302A\u302E\u302F\u3099\u309A\u20D0\u20DD\uFE20" \
    "\U0001D165\U0001D16D\U0001D167\U0001E944\U0001E8D0\u1DFA\u0344\u0340\u0341\u0343\u0F73\u0F75\u0F81"
CHINESE = "中文银行贷款協議日本語\u3400\u4DBF\u4E00\u9FFF\uF900\uFAFF\U00020000\U0002A6DF\U0002F800\U0002FA1F\U0002B740\u3007豈更車"
EAST_ASIAN = "ひらがなカタカナｶﾀｶﾅがぱヴ한국어각갛힣ᄀ가각〆々、。「」ＡＢＣａｂｃ１２３（）"
CONTROL = "\x00\x01\x08\x0b\x0c\x0e\x1c\x1d\x1e\x1f\x7f\x80\x85\x9f\xad\u200b\u200c\u200d\u200e\u2028\u2029\u202a\u2060\ufeff" \
    "\ufffd\ufff9\u061c\u180e\U000E0001\U000E0020\uE000\uF8FF\U000F0000\U0010FFFD"
SPACES = " \t\n\r\u00a0\u1680\u2000\u2003\u2009\u200a\u202f\u205f\u3000\u0085\u2028"
PUNCTUATION = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~¡§«»¿‘’“”–—…•‹›€£¥©®™°±×÷·\u037e\u0387؟،।॥፡。、〜＂￥\U0001F4B0"
SCRIPTS = "אבגשלוםعربيهندیहिन्दीক্ষதமிழ்ไทยລາວཀཁབོདမြန်မာខ្មែរአማርኛᚠᛇᚻ𝒜𝔅𝟘𐐀𐐨𞤀𞤢"
EMOJI = "😀👍🏽👩‍💻🇫🇷☃️1️⃣"


def any_scalar(rng):
    c = rng.randrange(0x110000)
    while 0xD800 <= c < 0xE000:
        c = rng.randrange(0x110000)
    return chr(c)


def assigned(rng):
    """Rather a character of the lower planes, where most of what matters is."""
    c = rng.randrange(0x80, rng.choice((0x250, 0x800, 0x3100, 0xD800)))
    return chr(c)


def fragment(rng):
    pools = (ACCENTED, CASED, MARKS, CHINESE, EAST_ASIAN, CONTROL, SPACES, PUNCTUATION, SCRIPTS, EMOJI)
    kind = rng.randrange(15)
    if kind < 3:
        return rng.choice(WORDS)
    if kind < 3 + len(pools):
        pool = pools[kind - 3]
        return "".join(rng.choice(pool) for _ in range(rng.randint(1, 3)))
    if kind == 13:
        return assigned(rng)
    return any_scalar(rng)


def fuzzed_text(rng, longest=10):
    parts = []
    for _ in range(rng.randint(1, longest)):
        parts.append(fragment(rng))
        if rng.random() < 0.35:
            parts.append(rng.choice(SPACES) if rng.random() < 0.3 else " ")
    if rng.random() < 0.02:
        parts.append(rng.choice("aé中\u0301x") * rng.choice((99, 100, 101, 200)))
    return "".join(parts)


def fuzzed_words(rng, longest=6):
    return [fuzzed_text(rng, 2) for _ in range(rng.randint(1, longest))]


def generator(seed):
    return random.Random(seed)
