//! Words of a few languages, drawn as often as in real text: the first ones much, the rest rarely.

use super::dice::{Dice, Purpose};

/// One language of pages.
pub(super) struct Language {
    /// As in `<html lang>`.
    pub(super) code: &'static str,
    /// As in `WARC-Identified-Content-Language`.
    pub(super) code3: &'static str,
    /// As in the language detector's output.
    pub(super) name: &'static str,
    /// How often pages are in it.
    share: f64,
    list: &'static str,
}

/// Shares follow the languages of recent crawls, folded into the few that are here.
pub(super) const LANGUAGES: [Language; 6] = [
    Language {
        code: "en",
        code3: "eng",
        name: "ENGLISH",
        share: 0.56,
        list: ENGLISH,
    },
    Language {
        code: "de",
        code3: "deu",
        name: "GERMAN",
        share: 0.16,
        list: GERMAN,
    },
    Language {
        code: "es",
        code3: "spa",
        name: "SPANISH",
        share: 0.10,
        list: SPANISH,
    },
    Language {
        code: "fr",
        code3: "fra",
        name: "FRENCH",
        share: 0.08,
        list: FRENCH,
    },
    Language {
        code: "ru",
        code3: "rus",
        name: "RUSSIAN",
        share: 0.06,
        list: RUSSIAN,
    },
    Language {
        code: "ja",
        code3: "jpn",
        name: "Japanese",
        share: 0.04,
        list: JAPANESE,
    },
];

/// Draws per table of word numbers; a power of two large enough for a word in 8,000.
const TABLE: usize = 8_192;
/// Words of a language: those listed, then ones put together from halves of listed ones.
const VOCABULARY: usize = 3_000;

/// The words of all languages, ready to be drawn.
pub(super) struct Lexicon {
    words: Vec<Vec<String>>,
    /// Word numbers, each as often as Zipf's law with exponent 1 wants.
    table: Vec<u16>,
}

impl Lexicon {
    /// Makes the vocabularies; they do not depend on the run's seed.
    pub(super) fn new() -> Self {
        let words = (0u64..)
            .zip(&LANGUAGES)
            .map(|(index, language)| vocabulary(index, language.list))
            .collect();
        Self {
            words,
            table: zipf_table(),
        }
    }

    pub(super) fn language(&self, dice: &mut Dice) -> usize {
        dice.weighted(&LANGUAGES.map(|language| language.share))
    }

    pub(super) fn word(&self, language: usize, dice: &mut Dice) -> &str {
        &self.words[language][usize::from(self.table[dice.below(TABLE)])]
    }

    /// Words that stand for something: the commonest are skipped.
    pub(super) fn noun(&self, language: usize, dice: &mut Dice) -> &str {
        let number = usize::from(self.table[dice.below(TABLE)]);
        &self.words[language][(number + 40) % VOCABULARY]
    }

    /// Appends one sentence of about twelve words.
    pub(super) fn sentence(&self, language: usize, dice: &mut Dice, out: &mut String) {
        push_capitalized(self.word(language, dice), out);
        for _ in 0..dice.between(5, 18) {
            out.push_str(if dice.chance(0.07) { ", " } else { " " });
            out.push_str(self.word(language, dice));
        }
        out.push('.');
    }
}

pub(super) fn push_capitalized(word: &str, out: &mut String) {
    let mut letters = word.chars();
    out.extend(letters.next().into_iter().flat_map(char::to_uppercase));
    out.push_str(letters.as_str());
}

fn vocabulary(index: u64, list: &str) -> Vec<String> {
    let mut dice = Dice::new(0, Purpose::World, 1_000 + index);
    let listed: Vec<&str> = list.split_whitespace().collect();
    let mut words: Vec<String> = listed.iter().map(|word| (*word).to_owned()).collect();
    while words.len() < VOCABULARY {
        let first = dice.pick(&listed);
        let last = dice.pick(&listed);
        let head = first.chars().count().div_ceil(2).max(2);
        let tail = last.chars().count() / 2;
        words.push(
            first
                .chars()
                .take(head)
                .chain(last.chars().skip(tail))
                .collect(),
        );
    }
    words.truncate(VOCABULARY);
    words
}

fn zipf_table() -> Vec<u16> {
    let total: f64 = (1..=VOCABULARY).map(|rank| 1.0 / rank as f64).sum();
    let mut table = Vec::with_capacity(TABLE);
    let mut sum = 0.0;
    for number in 0..VOCABULARY {
        sum += 1.0 / (number + 1) as f64;
        let end = (sum / total * TABLE as f64).round() as usize;
        table.resize(end.min(TABLE), number as u16);
    }
    table.resize(TABLE, (VOCABULARY - 1) as u16);
    table
}

const ENGLISH: &str = "the of and to in a is for on with that by this from at it be are as was your \
or have an you not we all more can their our has will about one new but his which home page view \
read news contact search help privacy policy terms login register account sign service services \
product products shop store cart order price sale free online best top latest popular archive \
category categories tags article articles blog post posts comment comments reply author editor \
photo photos video videos gallery music film book books review reviews guide history science \
technology computer software hardware mobile phone internet network data research university \
school student education course library health medical doctor hospital food recipe kitchen garden \
house family children women men people community city town country world europe america asia \
africa north south east west street road map travel hotel flight holiday weather summer winter \
spring autumn january february march april june july august september october november december \
monday friday sunday sport football cricket tennis golf racing team player season league match \
result results business company market finance bank money credit insurance loan tax investment \
stock report analysis management marketing media press release event events conference calendar \
gallery project projects design art artist museum theatre culture fashion beauty style jewelry \
car cars auto truck engine parts repair tools machine industry factory energy solar power water \
air environment climate nature animal dog cat horse bird fish farm forest river lake mountain \
island beach government council election president minister law legal court police security \
defense military war peace religion church faith job jobs career work office team staff member \
members forum discussion question answer support download upload file document form application \
update version release feature option setting system control information resources links partner \
partners advertise sponsor donate volunteer subscribe newsletter follow share facebook twitter \
email address number code name title description image width height color size black white red \
green blue yellow silver gold small large long short high low fast slow early late first second \
third last next previous back start end open close left right";

const GERMAN: &str = "der die und in den von zu das mit sich des auf für ist im dem nicht ein eine \
als auch es an werden aus er hat dass sie nach wird bei einer um am sind noch wie einem über so \
zum startseite impressum datenschutz kontakt anmelden suche hilfe warenkorb bestellen preis \
angebot neu mehr lesen weiter zurück nachrichten artikel bericht aktuell thema themen politik \
wirtschaft sport kultur wissen wetter reise auto technik gesundheit familie kinder schule \
universität bildung studium forschung garten küche rezept rezepte haus wohnung möbel mode \
schmuck schuhe geschenk geschenke bücher film musik spiele verein mitglied termine kalender \
veranstaltung veranstaltungen stadt gemeinde land straße region österreich schweiz deutschland \
berlin münchen hamburg köln frankfurt bayern landwirtschaft bauern tiere hund katze pferd wald \
wasser energie umwelt klima natur maschinen werkzeug ersatzteile gebraucht händler firma \
unternehmen markt geld bank versicherung recht steuer arbeit beruf stellen ausbildung verwaltung \
bürger rathaus feuerwehr polizei kirche glaube gruppe forum frage antwort bild bilder galerie \
video herunterladen übersicht größe farbe weiß schwarz grün schön früh später heute morgen woche \
monat jahr januar märz oktober dezember montag mittwoch";

const SPANISH: &str = "de la que el en y a los del se las por un para con no una su al es lo como \
más o pero sus le ha me si sin sobre este ya entre cuando todo esta ser son dos también inicio \
contacto buscar ayuda privacidad política términos acceder cuenta producto productos tienda \
carrito precio oferta ofertas gratis nuevo leer noticias artículo blog comentarios foto fotos \
vídeo galería música cine libro libros historia ciencia tecnología salud médico hospital cocina \
receta recetas jardín casa familia niños mujer hombre gente ciudad pueblo país mundo españa \
méxico argentina madrid barcelona calle mapa viaje viajes hotel vuelo vacaciones tiempo verano \
invierno deporte deportes fútbol equipo jugador liga partido resultado empresa mercado dinero \
banco seguro trabajo empleo escuela universidad educación curso gobierno ayuntamiento ley \
seguridad energía agua naturaleza animal perro gato playa montaña río coche motor diseño arte \
artista museo moda belleza año mes semana día mañana lunes enero diseño pequeño grande";

const FRENCH: &str = "de la le et les des en un du une que est pour qui dans a par plus pas au sur \
ne se ce il sont avec son aux d'un cette on mais ou nous ses elle accueil contact recherche aide \
confidentialité mentions légales connexion compte produit produits boutique panier prix offre \
offres gratuit nouveau lire actualités article blog commentaires photo photos vidéo galerie \
musique cinéma livre livres histoire science technologie santé médecin hôpital cuisine recette \
recettes jardin maison famille enfants femme homme gens ville village pays monde france paris \
lyon marseille québec rue carte voyage voyages hôtel vol vacances météo été hiver sport football \
équipe joueur ligue match résultat entreprise marché argent banque assurance travail emploi école \
université formation cours gouvernement mairie loi sécurité énergie eau nature animal chien chat \
plage montagne rivière voiture moteur art artiste musée mode beauté année mois semaine jour \
lundi janvier février août décembre petit grand forêt île";

const RUSSIAN: &str = "и в не на с что по это как для его все из от у за так же было о к но мы бы \
или она если только еще уже может быть главная контакты поиск помощь войти регистрация товары \
магазин корзина цена скидки бесплатно новости статья статьи блог фото видео музыка фильм книга \
книги история наука техника здоровье врач кухня рецепт сад дом семья дети женщина люди город \
страна мир россия москва улица карта отель погода лето зима спорт футбол команда игра компания \
рынок деньги банк работа школа университет образование закон безопасность энергия вода природа \
собака кошка море гора река машина дизайн музей мода год месяц неделя день понедельник январь";

const JAPANESE: &str = "の に は を た が で て と し れ さ ある いる も する から な こと として い や \
ホーム お問い合わせ 検索 ログイン 会員登録 商品 価格 送料無料 ニュース 記事 ブログ 写真 動画 音楽 映画 \
本 歴史 科学 技術 健康 病院 料理 レシピ 庭 家族 子供 女性 都市 世界 日本 東京 大阪 京都 地図 旅行 ホテル \
天気 夏 冬 スポーツ サッカー 野球 試合 結果 会社 市場 銀行 保険 仕事 求人 学校 大学 教育 政府 法律 安全 \
水 自然 動物 犬 猫 海 山 川 車 デザイン 美術館 年 月 週 日 ランキング 一覧 詳細 予約 お知らせ";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frequent_words_come_often() {
        let lexicon = Lexicon::new();
        let mut dice = Dice::new(1, Purpose::World, 0);
        let words: Vec<&str> = (0..10_000).map(|_| lexicon.word(0, &mut dice)).collect();
        let the = words.iter().filter(|word| **word == "the").count();
        assert!((1_000..1_400).contains(&the), "{the}");
        let distinct: std::collections::HashSet<_> = words.iter().collect();
        assert!(distinct.len() > 1_500, "{}", distinct.len());
    }
}
