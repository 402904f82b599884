/* Small words of the larger languages. */
#include "cache/render/language_words.h"

#include <stddef.h>

#define LIST(...) ((const char *const[]){__VA_ARGS__, NULL})

const struct language_words words_en = {
    .determiners = LIST("a", "an", "the", "my", "your", "his", "her", "its", "our", "their", "this", "these",
                        "those", "no", "every", "each", "some", "any", "very", "mr", "mrs", "ms", "dr"),
    .leaning = LIST("am", "is", "are", "was", "were", "be", "been", "has", "have", "had", "do", "does", "did",
                    "will", "would", "can", "could", "shall", "should", "may", "might", "must", "not",
                    "never", "don't", "doesn't", "didn't", "can't", "couldn't", "won't", "wouldn't", "isn't",
                    "aren't", "wasn't", "weren't", "i", "you", "he", "she", "we", "they", "i'm", "it's",
                    "i've", "i'd", "we're", "we've", "you're", "you've", "they're", "they've", "he's",
                    "she's", "that's", "there's", "i'll", "we'll", "you'll"),
    .prepositions = LIST("in", "on", "at", "by", "for", "with", "from", "to", "of", "about", "into", "over",
                         "after", "before", "under", "between", "through", "during", "against", "without",
                         "within", "upon", "towards", "among", "across", "behind"),
    .conjunctions =
        LIST("and", "but", "or", "nor", "so", "yet", "because", "that", "which", "who", "while", "when",
             "where", "if", "unless", "although", "though", "since", "until", "as", "than", "whether"),
};
const struct language_words words_de = {
    .determiners =
        LIST("der", "die", "das", "den", "dem", "des", "ein", "eine", "einen", "einem", "einer", "eines",
             "kein", "keine", "keinen", "keinem", "keiner", "mein", "meine", "meinen", "meinem", "meiner",
             "dein", "deine", "sein", "seine", "seinen", "seinem", "seiner", "ihr", "ihre", "ihren", "ihrem",
             "ihrer", "unser", "unsere", "unseren", "euer", "eure", "dieser", "diese", "dieses", "diesen",
             "diesem", "jeder", "jede", "jedes", "jeden", "sehr", "herr", "frau"),
    .leaning = LIST("ich", "du", "er", "wir", "man", "nicht", "nie", "zu", "am", "beim", "im", "zum", "zur"),
    .prepositions = LIST("in", "an", "auf", "mit", "von", "vom", "aus", "bei", "nach", "für", "über", "unter",
                         "vor", "hinter", "zwischen", "durch", "gegen", "ohne", "um", "bis", "seit",
                         "während", "wegen", "trotz"),
    .conjunctions = LIST("und", "oder", "aber", "denn", "sondern", "dass", "weil", "wenn", "ob", "obwohl",
                         "damit", "als", "während", "bevor", "nachdem", "wie", "wo", "sobald", "falls"),
};
const struct language_words words_fr = {
    .determiners = LIST("le", "la", "les", "un", "une", "des", "du", "au", "aux", "mon", "ma", "mes", "ton",
                        "ta", "tes", "son", "sa", "ses", "notre", "nos", "votre", "vos", "leur", "leurs",
                        "ce", "cet", "cette", "ces", "chaque", "quelques", "plusieurs", "très", "m", "mme"),
    .leaning = LIST("je", "tu", "il", "elle", "on", "nous", "vous", "ils", "elles", "ne", "me", "te", "se",
                    "y", "en", "est", "sont", "était", "étaient", "a", "ai", "as", "ont", "avons", "avez",
                    "avait", "suis", "es", "sommes", "êtes", "sera", "va", "vais", "vont", "c'est", "n'est",
                    "j'ai", "qu'il", "qu'elle", "qu'on"),
    .prepositions =
        LIST("à", "de", "dans", "par", "pour", "avec", "sans", "sous", "sur", "chez", "vers", "entre",
             "contre", "depuis", "pendant", "avant", "après", "devant", "derrière", "jusqu'à"),
    .conjunctions = LIST("et", "ou", "mais", "donc", "car", "ni", "or", "que", "qui", "quand", "si", "comme",
                         "parce", "lorsque", "puisque", "dont", "où", "alors"),
};
const struct language_words words_es = {
    .determiners = LIST("el", "la", "los", "las", "un", "una", "unos", "unas", "mi", "mis", "tu", "tus", "su",
                        "sus", "nuestro", "nuestra", "este", "esta", "estos", "estas", "ese", "esa", "esos",
                        "esas", "aquel", "cada", "muy", "al", "del", "lo"),
    .leaning = LIST("yo", "él", "ella", "no", "me", "te", "se", "nos", "le", "les", "ha", "han", "he",
                    "hemos", "había", "es", "son", "está", "están", "era", "eran", "fue", "va", "van",
                    "vamos", "voy", "puede", "pueden"),
    .prepositions = LIST("a", "de", "en", "con", "por", "para", "sin", "sobre", "desde", "hasta", "entre",
                         "contra", "hacia", "según", "durante", "ante", "bajo", "tras"),
    .conjunctions = LIST("y", "e", "o", "u", "pero", "sino", "que", "porque", "si", "cuando", "como",
                         "aunque", "donde", "mientras", "pues", "ni", "quien"),
};
const struct language_words words_it = {
    .determiners = LIST("il", "lo", "la", "i", "gli", "le", "un", "uno", "una", "mio", "mia", "tuo", "tua",
                        "suo", "sua", "nostro", "nostra", "questo", "questa", "questi", "queste", "quel",
                        "quella", "ogni", "molto", "del", "della", "dei", "delle", "dello", "degli", "al",
                        "alla", "ai", "alle", "nel", "nella", "nei", "nelle", "dal", "dalla", "sul", "sulla"),
    .leaning =
        LIST("io", "lui", "lei", "noi", "voi", "loro", "non", "mi", "ti", "si", "ci", "vi", "ho", "hai", "ha",
             "abbiamo", "avete", "hanno", "è", "sono", "era", "erano", "sta", "stanno", "può", "possono"),
    .prepositions = LIST("di", "a", "da", "in", "con", "su", "per", "tra", "fra", "senza", "contro", "verso",
                         "durante", "dopo", "prima"),
    .conjunctions = LIST("e", "ed", "o", "ma", "però", "che", "perché", "se", "quando", "come", "mentre",
                         "anche", "dove", "quindi", "né"),
};
const struct language_words words_pt = {
    .determiners = LIST("o", "a", "os", "as", "um", "uma", "uns", "umas", "meu", "minha", "seu", "sua",
                        "nosso", "nossa", "este", "esta", "esse", "essa", "aquele", "aquela", "cada", "muito",
                        "do", "da", "dos", "das", "no", "na", "nos", "nas", "ao", "à", "pelo", "pela"),
    .leaning = LIST("eu", "ele", "ela", "nós", "eles", "elas", "você", "não", "me", "te", "se", "lhe", "é",
                    "são", "está", "estão", "era", "foi", "tem", "têm", "vai", "vão", "pode", "podem", "ser"),
    .prepositions = LIST("de", "em", "com", "por", "para", "sem", "sobre", "desde", "até", "entre", "contra",
                         "durante", "após"),
    .conjunctions = LIST("e", "ou", "mas", "que", "porque", "se", "quando", "como", "embora", "onde",
                         "enquanto", "pois", "nem"),
};
const struct language_words words_nl = {
    .determiners = LIST("de", "het", "een", "mijn", "jouw", "zijn", "haar", "ons", "onze", "hun", "deze",
                        "dit", "die", "dat", "geen", "elke", "elk", "heel"),
    .leaning =
        LIST("ik", "jij", "je", "hij", "zij", "ze", "wij", "we", "niet", "nooit", "te", "is", "was", "waren",
             "heeft", "hebben", "had", "kan", "kunnen", "moet", "moeten", "zal", "zullen", "wordt", "worden"),
    .prepositions = LIST("in", "op", "aan", "met", "van", "voor", "door", "naar", "bij", "uit", "over",
                         "onder", "tussen", "tegen", "zonder", "na", "tot", "om"),
    .conjunctions = LIST("en", "of", "maar", "want", "dus", "omdat", "als", "toen", "terwijl", "hoewel",
                         "zodat", "waar", "wanneer"),
};
const struct language_words words_ru = {
    .determiners =
        LIST("мой", "моя", "моё", "мои", "твой", "твоя", "наш", "наша", "ваш", "ваша", "этот", "эта", "это",
             "эти", "тот", "та", "те", "каждый", "каждая", "очень", "его", "её", "их"),
    .leaning = LIST("я", "ты", "он", "она", "мы", "вы", "они", "не", "ни", "был", "была", "было", "были",
                    "будет", "будут"),
    .prepositions = LIST("в", "во", "на", "с", "со", "к", "ко", "по", "из", "от", "до", "для", "без", "под",
                         "над", "при", "про", "через", "между", "о", "об", "у", "за", "перед", "после"),
    .conjunctions = LIST("и", "или", "но", "а", "что", "чтобы", "потому", "если", "когда", "как", "где",
                         "хотя", "который", "которая", "которые", "пока"),
};
const struct language_words words_pl = {
    .determiners = LIST("mój", "moja", "moje", "twój", "nasz", "nasza", "ten", "ta", "te", "ci", "każdy",
                        "bardzo", "jego", "jej", "ich"),
    .leaning = LIST("ja", "ty", "on", "ona", "my", "wy", "oni", "nie", "się", "jest", "są", "był", "była",
                    "było", "będzie"),
    .prepositions = LIST("w", "we", "na", "z", "ze", "do", "od", "po", "za", "dla", "bez", "pod", "nad",
                         "przy", "przez", "między", "o", "u", "przed"),
    .conjunctions = LIST("i", "oraz", "lub", "albo", "ale", "a", "że", "żeby", "bo", "ponieważ", "jeśli",
                         "gdy", "kiedy", "jak", "gdzie", "choć", "który", "która", "które"),
};
const struct language_words words_sv = {
    .determiners = LIST("en", "ett", "den", "det", "de", "min", "mitt", "mina", "din", "sin", "vår", "vårt",
                        "denna", "detta", "dessa", "varje", "mycket"),
    .leaning = LIST("jag", "du", "han", "hon", "vi", "ni", "inte", "aldrig", "är", "var", "har", "hade",
                    "kan", "ska", "måste", "vill"),
    .prepositions = LIST("i", "på", "av", "med", "från", "till", "för", "vid", "under", "över", "mellan",
                         "mot", "utan", "genom", "efter", "före"),
    .conjunctions =
        LIST("och", "eller", "men", "att", "som", "om", "när", "eftersom", "medan", "därför", "där", "än"),
};
const struct language_words words_id = {
    .determiners = LIST("seorang", "sebuah", "para", "setiap", "sangat"),
    .leaning = LIST("saya", "aku", "kamu", "dia", "kami", "kita", "mereka", "tidak", "bukan", "akan", "sudah",
                    "telah", "sedang", "bisa", "harus"),
    .prepositions =
        LIST("di", "ke", "dari", "dengan", "untuk", "oleh", "pada", "dalam", "tentang", "tanpa", "antara"),
    .conjunctions = LIST("dan", "atau", "tetapi", "tapi", "karena", "bahwa", "yang", "jika", "kalau",
                         "ketika", "saat", "sehingga", "agar"),
};
const struct language_words words_ar = {
    .determiners = LIST("هذا", "هذه", "ذلك", "تلك", "هؤلاء", "كل", "بعض"),
    .leaning =
        LIST("لا", "لم", "لن", "ليس", "ليست", "قد", "سوف", "كان", "كانت", "هو", "هي", "أنا", "نحن", "هم"),
    .prepositions =
        LIST("في", "من", "على", "إلى", "عن", "مع", "حتى", "بين", "بعد", "قبل", "تحت", "فوق", "خلال"),
    .conjunctions =
        LIST("أو", "ثم", "لكن", "ولكن", "أن", "لأن", "إذا", "عندما", "حيث", "الذي", "التي", "بينما"),
};
/* Hindi puts its small words after the noun: only what joins sentences counts. */
const struct language_words words_hi = {
    .determiners = LIST("यह", "वह", "ये", "वे", "हर", "बहुत", "एक"),
    .leaning = LIST("मैं", "हम", "तुम", "आप", "नहीं", "न"),
    .prepositions = (const char *const[]){NULL},
    .conjunctions = LIST("और", "या", "लेकिन", "कि", "क्योंकि", "अगर", "जब", "जो", "तो", "मगर"),
};
const struct language_words words_none = {(const char *const[]){NULL}, (const char *const[]){NULL},
                                          (const char *const[]){NULL}, (const char *const[]){NULL}};
