/* The words of a transcript's page. */
#include "cache/render/html_words.h"

#include <stdbool.h>
#include <string.h>

#include "backend/base/buffer.h"
#include "cache/render/html_out.h"
#include "cache/render/phrases.h"

enum { LANGUAGES = 7 };

struct html_language {
    const char *code;
    int column;
};

/* Those of phrases.c. */
static const struct html_language languages[LANGUAGES] = {{"en", 0}, {"zh", 1}, {"ja", 2}, {"ko", 3},
                                                          {"de", 4}, {"fr", 5}, {"es", 6}};

static const struct {
    const char *key;
    bool said_by_script;
    const char *words[LANGUAGES];
} table[] = {
    {"untitled",
     false,
     {"Transcript", "文字记录", "文字起こし", "녹취록", "Transkript", "Transcription", "Transcripción"}},
    {"skip",
     false,
     {"Go to the text", "跳到正文", "本文へ移動", "본문으로 이동", "Zum Text", "Aller au texte",
      "Ir al texto"}},
    {"recording", false, {"Recording", "录音", "録音", "녹음", "Aufnahme", "Enregistrement", "Grabación"}},
    {"player", false, {"Player", "播放器", "プレーヤー", "플레이어", "Wiedergabe", "Lecteur", "Reproductor"}},
    {"play",
     false,
     {"Play or pause", "播放或暂停", "再生・一時停止", "재생 또는 일시정지", "Abspielen oder anhalten",
      "Lire ou mettre en pause", "Reproducir o pausar"}},
    {"back",
     false,
     {"5 seconds back", "后退 5 秒", "5 秒戻る", "5초 뒤로", "5 Sekunden zurück", "Reculer de 5 secondes",
      "Retroceder 5 segundos"}},
    {"forward",
     false,
     {"5 seconds on", "前进 5 秒", "5 秒進む", "5초 앞으로", "5 Sekunden vor", "Avancer de 5 secondes",
      "Avanzar 5 segundos"}},
    {"rate",
     false,
     {"Speed", "播放速度", "再生速度", "재생 속도", "Geschwindigkeit", "Vitesse", "Velocidad"}},
    {"find",
     false,
     {"Find in the text", "查找", "本文を検索", "본문에서 찾기", "Im Text suchen", "Chercher dans le texte",
      "Buscar en el texto"}},
    {"previous",
     false,
     {"Previous place", "上一处", "前の箇所", "이전 위치", "Vorige Stelle", "Occurrence précédente",
      "Coincidencia anterior"}},
    {"next",
     false,
     {"Next place", "下一处", "次の箇所", "다음 위치", "Nächste Stelle", "Occurrence suivante",
      "Coincidencia siguiente"}},
    {"count", true, {"%1 of %2", "%1 / %2", "%1 / %2", "%1 / %2", "%1 von %2", "%1 sur %2", "%1 de %2"}},
    {"none",
     true,
     {"Not found", "未找到", "見つかりません", "찾을 수 없음", "Nicht gefunden", "Introuvable",
      "No encontrado"}},
    {"more", false, {"More", "更多", "その他", "더 보기", "Mehr", "Plus", "Más"}},
    {"link",
     false,
     {"Copy a link to this place", "复制指向此处的链接", "この箇所へのリンクをコピー", "이 위치의 링크 복사",
      "Link zu dieser Stelle kopieren", "Copier un lien vers ce passage", "Copiar un enlace a este punto"}},
    {"copy",
     false,
     {"Copy the whole text", "复制全文", "全文をコピー", "전체 텍스트 복사", "Ganzen Text kopieren",
      "Copier tout le texte", "Copiar todo el texto"}},
    {"names",
     false,
     {"Names of the speakers", "说话人姓名", "話者の名前", "화자 이름", "Namen der Sprecher",
      "Noms des intervenants", "Nombres de los hablantes"}},
    {"keys", false, {"Keys", "快捷键", "キー操作", "단축키", "Tasten", "Raccourcis clavier", "Teclas"}},
    {"space_key", false, {"Space", "空格", "スペース", "스페이스", "Leertaste", "Espace", "Espacio"}},
    {"word_keys",
     false,
     {"Go from word to word and play there", "逐词移动并从该处播放", "語から語へ移動して再生",
      "단어 사이를 이동하고 재생", "Von Wort zu Wort gehen und dort abspielen",
      "Aller de mot en mot et lire à cet endroit", "Ir de palabra en palabra y reproducir allí"}},
    {"follow",
     false,
     {"Follow what is said", "跟随播放", "再生箇所を追う", "재생 위치 따라가기", "Der Aufnahme folgen",
      "Suivre la lecture", "Seguir la reproducción"}},
    {"close", false, {"Close", "关闭", "閉じる", "닫기", "Schließen", "Fermer", "Cerrar"}},
    {"save",
     false,
     {"Save names", "保存姓名", "名前を保存", "이름 저장", "Namen speichern", "Enregistrer les noms",
      "Guardar los nombres"}},
    {"names_title",
     false,
     {"Who is speaking?", "谁在说话？", "話しているのは誰ですか？", "누가 말하고 있나요?", "Wer spricht?",
      "Qui parle\u00A0?", "¿Quién habla?"}},
    {"names_help",
     false,
     {"Names are shown here at once. Saving gives a small file: put it into the folder of the recording, and "
      "every transcript of it shows the names.",
      "姓名会立即显示在本页。保存后得到一个小文件：把它放进录音所在的文件夹，所有文字记录都会显示这些姓名。",
      "名前はこのページにすぐ表示されます。保存すると小さなファイルができます。録音と同じフォルダーに置くと、"
      "すべての文字起こしに名前が表示されます。",
      "이름은 이 페이지에 바로 표시됩니다. 저장하면 작은 파일이 만들어집니다. 녹음이 있는 폴더에 넣으면 모든 "
      "녹취록에 이름이 표시됩니다.",
      "Die Namen stehen sofort hier. Beim Speichern entsteht eine kleine Datei: Legen Sie sie in den Ordner "
      "der Aufnahme, dann zeigt jedes Transkript die Namen.",
      "Les noms s’affichent ici tout de suite. L’enregistrement donne un petit fichier\u00A0: placez-le dans "
      "le "
      "dossier de l’enregistrement audio, et toutes ses transcriptions montreront les noms.",
      "Los nombres se muestran aquí enseguida. Al guardar se obtiene un pequeño archivo: póngalo en la "
      "carpeta de la grabación y todas sus transcripciones mostrarán los nombres."}},
    {"saved",
     true,
     {"Now put %1 into the folder of the recording.", "请把 %1 放进录音所在的文件夹。",
      "%1 を録音と同じフォルダーに置いてください。", "이제 %1 파일을 녹음이 있는 폴더에 넣으세요.",
      "Legen Sie nun %1 in den Ordner der Aufnahme.",
      "Placez maintenant %1 dans le dossier de l’enregistrement.",
      "Ahora ponga %1 en la carpeta de la grabación."}},
    {"link_copied",
     true,
     {"A link to this place is copied.", "已复制指向此处的链接。", "この箇所へのリンクをコピーしました。",
      "이 위치의 링크를 복사했습니다.", "Ein Link zu dieser Stelle ist kopiert.",
      "Un lien vers ce passage est copié.", "Se ha copiado un enlace a este punto."}},
    {"text_copied",
     true,
     {"The text is copied.", "已复制全文。", "全文をコピーしました。", "전체 텍스트를 복사했습니다.",
      "Der Text ist kopiert.", "Le texte est copié.", "Se ha copiado el texto."}},
    {"lost",
     false,
     {"The recording cannot be played from here. If you have it, choose it:",
      "无法从此处播放录音。如果您有录音文件，请选择它：",
      "ここからは録音を再生できません。お持ちでしたら選択してください：",
      "여기에서는 녹음을 재생할 수 없습니다. 파일이 있으면 선택하세요:",
      "Die Aufnahme lässt sich von hier nicht abspielen. Wenn Sie sie haben, wählen Sie sie aus:",
      "L’enregistrement ne peut pas être lu d’ici. Si vous l’avez, choisissez-le\u00A0:",
      "La grabación no se puede reproducir desde aquí. Si la tiene, elíjala:"}},
    {"silence",
     false,
     {"No speech was detected in this recording.", "此录音中未检测到语音。",
      "この録音から音声は検出されませんでした。", "이 녹음에서 음성이 감지되지 않았습니다.",
      "In dieser Aufnahme wurde keine Sprache erkannt.",
      "Aucune parole n’a été détectée dans cet enregistrement.",
      "No se ha detectado voz en esta grabación."}},
    {"made",
     false,
     {"This text was written by a machine.", "本文由机器转写。", "この文章は機械が書き起こしました。",
      "이 글은 기계가 받아쓴 것입니다.", "Diesen Text hat eine Maschine geschrieben.",
      "Ce texte a été écrit par une machine.", "Este texto lo ha escrito una máquina."}},
    {"unsure",
     false,
     {"Words underlined with dots are uncertain: listen to them.", "带虚线的词不太确定，请听录音核对。",
      "点線の語は不確かです。録音で確かめてください。", "점선이 그어진 단어는 확실하지 않으니 들어 보세요.",
      "Gepunktet unterstrichene Wörter sind unsicher: Hören Sie sie an.",
      "Les mots soulignés de points sont incertains\u00A0: écoutez-les.",
      "Las palabras subrayadas con puntos son dudosas: escúchelas."}},
    {"estimated",
     false,
     {"When each word is spoken is estimated and can be off by some seconds.",
      "每个词的时间为估算，可能有数秒误差。", "各語の時刻は推定で、数秒ずれることがあります。",
      "각 단어의 시각은 추정이며 몇 초 어긋날 수 있습니다.",
      "Wann ein Wort gesprochen wird, ist geschätzt und kann um einige Sekunden abweichen.",
      "Le moment de chaque mot est estimé, à quelques secondes près.",
      "El momento de cada palabra es una estimación y puede variar unos segundos."}},
};

const struct html_language *html_language_of(const struct transcript *t)
{
    const char *code = phrases_of(t)->code;
    for (size_t i = 0; i < LANGUAGES; i++)
        if (strcmp(languages[i].code, code) == 0)
            return &languages[i];
    return &languages[0];
}

const char *html_language_code(const struct html_language *language)
{
    return language->code;
}

const char *html_word(const struct html_language *language, const char *key, size_t len)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++)
        if (strlen(table[i].key) == len && memcmp(table[i].key, key, len) == 0)
            return table[i].words[language->column];
    return NULL;
}

void html_put_words(const struct html_language *language, const struct phrases *phrases, struct buffer *out)
{
    buffer_puts(out, "{\"colon\":");
    html_put_json(out, phrases->after);
    buffer_puts(out, ",\"between\":");
    html_put_json(out, phrases->between);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        if (!table[i].said_by_script)
            continue;
        buffer_printf(out, ",\"%s\":", table[i].key);
        html_put_json(out, table[i].words[language->column]);
    }
    buffer_puts(out, "}");
}
