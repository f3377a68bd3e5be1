"""Name tables by culture, most frequent first, and how a full name is put together from them.

Chinese tables hold ``simplified traditional pinyin`` run together (``伟偉wei``); one form stands for both where they are equal.
"""

from collections.abc import Callable
from functools import cache
from unicodedata import combining, normalize

import msgspec

from crmsearch.sample.draw import Random, chance, deck, pick, skewed, words

__all__ = [
    "CULTURES",
    "GIVEN_READINGS",
    "HOMOPHONES",
    "NICKNAMES",
    "SURNAME_READINGS",
    "TO_TRADITIONAL",
    "Name",
    "ascii_fold",
    "draw_name",
]


class Name(msgspec.Struct, frozen=True):
    """A person's name as a clerk would write it, with the other ways in which it may be written.

    ``key`` is the part of it that goes into an e-mail address: given and family name in plain lower-case letters.
    """

    full: str
    given: str
    family: str
    key: tuple[str, str]
    romanised: str = ""  # only of names in Han characters
    han: bool = False


class _Han(msgspec.Struct, frozen=True):
    simplified: str
    traditional: str
    pinyin: str


def _han(table: str) -> tuple[_Han, ...]:
    """Parse a Chinese table."""
    rows = []
    for token in table.split():
        pinyin = token.lstrip("".join(c for c in token if not c.isascii()))
        forms = token.removesuffix(pinyin)
        half = len(forms) // 2
        rows.append(_Han(forms[:half], forms[half:], pinyin) if half else _Han(forms, forms, pinyin))
    return tuple(rows)


_HAN_FAMILY = _han(
    """
    王wang 李li 张張zhang 刘劉liu 陈陳chen 杨楊yang 黄黃huang 赵趙zhao 吴吳wu 周zhou 徐xu 孙孫sun 马馬ma 朱zhu 胡hu 郭guo 何he 林lin
    高gao 罗羅luo 郑鄭zheng 梁liang 谢謝xie 宋song 唐tang 许許xu 邓鄧deng 韩韓han 冯馮feng 曹cao 彭peng 曾zeng 肖蕭xiao 田tian 董dong
    潘pan 袁yuan 蔡cai 蒋蔣jiang 余yu 于yu 杜du 叶葉ye 程cheng 魏wei 苏蘇su 吕呂lv 丁ding 任ren 卢盧lu 姚yao 沈shen 钟鍾zhong 姜jiang
    崔cui 谭譚tan 陆陸lu 范fan 汪wang 廖liao 石shi 金jin 韦韋wei 贾賈jia 夏xia 付fu 方fang 邹鄒zou 熊xiong 白bai 孟meng 秦qin 邱qiu
    侯hou 江jiang 尹yin 薛xue 闫閆yan 段duan 雷lei 龙龍long 黎li 史shi 陶tao 贺賀he 毛mao 郝hao 顾顧gu 龚龔gong 邵shao 万萬wan 覃qin
    武wu 钱錢qian 戴dai 严嚴yan 莫mo 孔kong 向xiang 常chang 汤湯tang 康kang 易yi 乔喬qiao 赖賴lai 文wen 樊fan 殷yin 施shi 庄莊zhuang
    温溫wen 齐齊qi 梅mei 葛ge 俞yu 倪ni 毕畢bi 管guan 单單shan 仇qiu 查zha 解xie 盖蓋ge 区區ou 欧阳歐陽ouyang 司马司馬sima
    上官上官shangguan 诸葛諸葛zhuge 尉迟尉遲yuchi 慕容慕容murong 夏侯夏侯xiahou 皇甫皇甫huangfu
    """
)
_HAN_FEMALE = _han(
    """
    芳fang 娜na 敏min 静靜jing 丽麗li 艳艷yan 娟juan 霞xia 秀xiu 英ying 燕yan 玲ling 桂gui 兰蘭lan 红紅hong 梅mei 婷ting 雪xue 慧hui
    莹瑩ying 洁潔jie 琳lin 晶jing 欣xin 颖穎ying 琴qin 云雲yun 莉li 倩qian 蕾lei 薇wei 佳jia 怡yi 雯wen 萍ping 凤鳳feng 珍zhen 淑shu
    惠hui 珠zhu 翠cui 雅ya 芝zhi 玉yu 清qing 瑶瑤yao 璐lu 妍yan 蓉rong 菲fei 露lu 岚嵐lan 思si 梦夢meng 涵han 诗詩shi 雨yu 晓曉xiao
    悦悅yue 馨xin 可ke 彤tong 若ruo 冰bing 曼man 韵韻yun 素su 春chun 菊ju 华華hua 青qing 月yue 宁寧ning 语語yu 嘉jia 一yi
    """
)
_HAN_MALE = _han(
    """
    伟偉wei 强強qiang 磊lei 军軍jun 洋yang 勇yong 杰jie 涛濤tao 超chao 明ming 刚剛gang 平ping 辉輝hui 鹏鵬peng 华華hua 飞飛fei 鑫xin
    波bo 斌bin 宇yu 浩hao 凯凱kai 健jian 俊jun 帆fan 帅帥shuai 旭xu 龙龍long 林lin 峰feng 建jian 国國guo 志zhi 文wen 海hai 东東dong
    晨chen 阳陽yang 博bo 成cheng 兵bing 庆慶qing 坤kun 雷lei 威wei 亮liang 松song 晓曉xiao 小xiao 立li 新xin 光guang 永yong 世shi
    子zi 天tian 泽澤ze 轩軒xuan 睿rui 瑞rui 毅yi 恒恆heng 然ran 翔xiang 良liang 德de 福fu 生sheng 元yuan 义義yi 兴興xing 利li 清qing
    进進jin 学學xue 正zheng 家jia 振zhen 启啟qi 江jiang 卫衛wei 民min 彬bin 昊hao 嘉jia 一yi 宁寧ning 树樹shu 岩yan
    """
)

TO_TRADITIONAL: dict[int, str] = {
    ord(simplified): traditional
    for row in (*_HAN_FAMILY, *_HAN_FEMALE, *_HAN_MALE)
    for simplified, traditional in zip(row.simplified, row.traditional, strict=True)
    if simplified != traditional
}
_BY_SOUND: dict[str, dict[str, None]] = {}
for _row in (*_HAN_FEMALE, *_HAN_MALE):
    _BY_SOUND.setdefault(_row.pinyin, {})[_row.simplified] = None
HOMOPHONES = {sign: tuple(other for other in signs if other != sign) for signs in _BY_SOUND.values() if len(signs) > 1 for sign in signs}
"""Characters that sound alike and are typed for one another."""

GIVEN_READINGS = {form: row.pinyin for row in (*_HAN_FEMALE, *_HAN_MALE) for form in (row.simplified, row.traditional)}
SURNAME_READINGS = {form: row.pinyin for row in _HAN_FAMILY for form in (row.simplified, row.traditional)}
"""How the characters of given names and the surnames are read, in either script."""

_BY_SURNAME = {form: row for row in _HAN_FAMILY for form in (row.simplified, row.traditional)}
_HAN_GIVEN = {"F": skewed(_HAN_FEMALE), "M": skewed(_HAN_MALE)}
# The ten commonest family names are borne by two people in five; a plain rank table would make them too rare.
_HAN_FAMILIES = deck({row: 120 if rank < 3 else 60 if rank < 10 else 12 if rank < 60 else 3 for rank, row in enumerate(_HAN_FAMILY)})


class Culture(msgspec.Struct, frozen=True):
    """Decks of one culture whose names are in Latin letters."""

    female: tuple[str, ...]
    male: tuple[str, ...]
    family: tuple[str, ...]
    second_family: float = 0.0  # how many bear a second family name
    middle_initial: float = 0.0


def _culture(female: str, male: str, family: str, second_family: float = 0.0, middle_initial: float = 0.0) -> Culture:
    return Culture(skewed(words(female)), skewed(words(male)), skewed(words(family)), second_family, middle_initial)


CULTURES = {
    "english": _culture(
        "Mary, Jennifer, Patricia, Linda, Elizabeth, Susan, Jessica, Sarah, Karen, Margaret, Emily, Emma, Olivia, Charlotte, Sophie, Lisa,"
        "Nancy, Sandra, Ashley, Kimberly, Donna, Michelle, Carol, Amanda, Melissa, Deborah, Stephanie, Rebecca, Laura, Helen, Sharon,"
        "Cynthia, Kathleen, Amy, Angela, Shirley, Anna, Brenda, Pamela, Nicole, Ruth, Katherine, Samantha, Christine, Catherine, Virginia,"
        "Rachel, Janet, Maria, Heather, Diane, Julie, Joyce, Victoria, Kelly, Christina, Joan, Evelyn, Lauren, Judith, Megan, Alice, Ida,"
        "Jacqueline, Martha, Gloria, Teresa, Ann, Madison, Frances, Kathryn, Grace, Judy, Abigail, Isabella, Natalie, Chloe, Hannah, Poppy,"
        "Imogen, Fiona, Siobhan, Niamh, Bronwyn, Zoë, Renée, Keisha, Latoya, Imani",
        "James, John, Robert, Michael, William, David, Richard, Joseph, Thomas, Charles, Christopher, Daniel, Matthew, Anthony, Mark,"
        "Donald, Steven, Paul, Andrew, Joshua, Kenneth, Kevin, Brian, George, Edward, Ronald, Timothy, Jason, Jeffrey, Ryan, Jacob, Gary,"
        "Nicholas, Eric, Jonathan, Stephen, Larry, Justin, Scott, Brandon, Benjamin, Samuel, Gregory, Frank, Alexander, Raymond, Patrick,"
        "Jack, Dennis, Jerry, Tyler, Aaron, Adam, Nathan, Henry, Douglas, Zachary, Peter, Kyle, Walter, Ethan, Jeremy, Harold, Keith,"
        "Christian, Roger, Noah, Gerald, Terry, Sean, Austin, Arthur, Lawrence, Dylan, Oliver, Harry, Alfie, Callum, Rory, Angus, Declan,"
        "Liam, Gareth, Rhys, Nigel, Graham, Colin, DeShawn, Malik, Tyrone, Marcus",
        "Smith, Johnson, Williams, Brown, Jones, Taylor, Davis, Miller, Wilson, Moore, Anderson, Thomas, Jackson, White, Harris, Martin,"
        "Thompson, Robinson, Clark, Lewis, Lee, Walker, Hall, Allen, Young, King, Wright, Scott, Green, Baker, Adams, Nelson, Hill,"
        "Campbell, Mitchell, Roberts, Carter, Phillips, Evans, Turner, Parker, Collins, Edwards, Stewart, Morris, Murphy, Cook, Rogers,"
        "Morgan, Cooper, Peterson, Reed, Bailey, Bell, Kelly, Howard, Ward, Cox, Richardson, Wood, Watson, Brooks, Bennett, Gray, James,"
        "Hughes, Price, Myers, Long, Foster, Sanders, Ross, Powell, Sullivan, Russell, Jenkins, Perry, Butler, Barnes, Fisher, Henderson,"
        "Coleman, Simmons, Patterson, Jordan, Reynolds, Hamilton, Graham, Kim, Wallace, Cole, West, Owens, Hayes, Gibson, Ellis, Stevens,"
        "Murray, Freeman, Wells, Webb, Simpson, Tucker, Porter, Hunter, Hicks, Crawford, Henry, Boyd, Mason, Kennedy, Warren, Dixon,"
        "Burns, Gordon, Shaw, Holmes, Rice, Robertson, Black, Daniels, Palmer, Mills, Nichols, Grant, Knight, Ferguson, Stone, Hawkins,"
        "Dunn, Perkins, Hudson, Spencer, Gardner, Stephens, Payne, Pierce, Berry, Matthews, Arnold, Wagner, Willis, Ray, Watkins, Olson,"
        "Carroll, Duncan, Snyder, Hart, Cunningham, Bradley, Lane, Andrews, Harper, Fox, Riley, Armstrong, Carpenter, Weaver, Greene,"
        "Lawrence, Elliott, Sims, Austin, Peters, Kelley, Franklin, Lawson, O'Brien, O'Connor, O'Neill, O'Sullivan, McDonald, McCarthy,"
        "MacLeod, FitzGerald, van der Berg, van Dyke, St. John, Smith-Jones, Hartley-Brewer, Llewellyn, Pritchard, Featherstone,"
        "Okafor, Adeyemi, Nguyen, Tran, Kowalski, Novak, Sørensen, Björk",
        middle_initial=0.12,
    ),
    "german": _culture(
        "Anna, Maria, Ursula, Monika, Petra, Sabine, Renate, Andrea, Claudia, Susanne, Karin, Brigitte, Stefanie, Julia, Katrin, Nicole,"
        "Martina, Heike, Angelika, Birgit, Christine, Lena, Laura, Lea, Mia, Hannah, Leonie, Johanna, Katharina, Franziska, Sophie, Jana,"
        "Anja, Silke, Gisela, Ingrid, Helga, Käthe, Bärbel, Jutta, Annika, Svenja, Elif, Ayşe",
        "Peter, Michael, Thomas, Andreas, Wolfgang, Klaus, Jürgen, Stefan, Christian, Uwe, Werner, Frank, Markus, Matthias, Bernd, Jörg,"
        "Martin, Alexander, Daniel, Lukas, Jonas, Felix, Leon, Maximilian, Paul, Finn, Tim, Jan, Sebastian, Florian, Tobias, Philipp,"
        "Dieter, Günther, Heinz, Horst, Rüdiger, Götz, Karl-Heinz, Hans-Peter, Mehmet, Mustafa",
        "Müller, Schmidt, Schneider, Fischer, Weber, Meyer, Wagner, Becker, Schulz, Hoffmann, Schäfer, Koch, Bauer, Richter, Klein, Wolf,"
        "Schröder, Neumann, Schwarz, Zimmermann, Braun, Krüger, Hofmann, Hartmann, Lange, Schmitt, Werner, Schmitz, Krause, Meier,"
        "Lehmann, Schmid, Schulze, Maier, Köhler, Herrmann, König, Walter, Mayer, Huber, Kaiser, Fuchs, Peters, Lang, Scholz, Möller,"
        "Weiß, Jung, Hahn, Schubert, Vogel, Friedrich, Keller, Günther, Frank, Berger, Winkler, Roth, Beck, Lorenz, Baumann, Franke,"
        "Albrecht, Schuster, Simon, Ludwig, Böhm, Winter, Kraus, Martin, Schumacher, Krämer, Vogt, Stein, Jäger, Otto, Sommer, Groß,"
        "Seidel, Heinrich, Brandt, Haas, Schreiber, Graf, Dietrich, Ziegler, Kuhn, Kühn, Pohl, Engel, Horn, Busch, Bergmann, Thomas,"
        "Yılmaz, Kaya, von der Heide, von Bülow, zu Dohna, Müller-Lüdenscheid",
    ),
    "french": _culture(
        "Marie, Jeanne, Françoise, Monique, Catherine, Nathalie, Isabelle, Sylvie, Anne, Martine, Christine, Sandrine, Valérie, Véronique,"
        "Céline, Émilie, Aurélie, Julie, Camille, Léa, Manon, Chloé, Inès, Zoé, Louise, Hélène, Élodie, Stéphanie, Amandine, Anaïs,"
        "Margaux, Clémence, Noémie, Maëlle, Anne-Sophie, Marie-Claire, Fatima, Aïcha",
        "Jean, Pierre, Michel, André, Philippe, Alain, Bernard, Jacques, Daniel, Patrick, Nicolas, Christophe, Laurent, Frédéric, Éric,"
        "David, Julien, Thomas, Alexandre, Antoine, Maxime, Lucas, Hugo, Louis, Théo, Léo, Gabriel, Raphaël, Jérôme, Sébastien, François,"
        "Benoît, Gaël, Loïc, Noël, Jean-Pierre, Jean-Luc, Mohamed, Karim",
        "Martin, Bernard, Dubois, Thomas, Robert, Richard, Petit, Durand, Leroy, Moreau, Simon, Laurent, Lefebvre, Michel, Garcia, David,"
        "Bertrand, Roux, Vincent, Fournier, Morel, Girard, André, Lefèvre, Mercier, Dupont, Lambert, Bonnet, François, Martinez, Legrand,"
        "Garnier, Faure, Rousseau, Blanc, Guérin, Muller, Henry, Roussel, Nicolas, Perrin, Morin, Mathieu, Clément, Gauthier, Dumont,"
        "Lopez, Fontaine, Chevalier, Robin, Masson, Sanchez, Gérard, Nguyen, Boyer, Denis, Lemaire, Duval, Joly, Gautier, Roger, Roche,"
        "Roy, Noël, Meyer, Lucas, Meunier, Jean, Pérez, Marchand, Dufour, Blanchard, Barbier, Brun, Dumas, Brunet, Schmitt, Leroux,"
        "Colas, Benali, Traoré, de La Fontaine, de la Tour, d'Estaing, du Pré, Le Goff, L'Hôpital",
    ),
    "spanish": _culture(
        "María, Carmen, Ana, Isabel, Laura, Cristina, Marta, Lucía, Pilar, Dolores, Elena, Raquel, Paula, Sara, Rosa, Beatriz, Mercedes,"
        "Silvia, Nuria, Patricia, Rocío, Inés, Sofía, Julia, Alba, Irene, Ángela, Begoña, Concepción, Ainhoa, Montserrat, Guadalupe,"
        "María José, Ana Belén",
        "Antonio, José, Manuel, Francisco, Juan, David, Javier, Daniel, Carlos, Jesús, Alejandro, Miguel, Rafael, Pedro, Ángel, Pablo,"
        "Fernando, Sergio, Jorge, Luis, Alberto, Álvaro, Diego, Adrián, Raúl, Iván, Rubén, Óscar, Andrés, Íñigo, Gonzalo, Hugo, Martín,"
        "José Luis, Juan Carlos, Miguel Ángel",
        "García, Rodríguez, González, Fernández, López, Martínez, Sánchez, Pérez, Gómez, Martín, Jiménez, Ruiz, Hernández, Díaz, Moreno,"
        "Muñoz, Álvarez, Romero, Alonso, Gutiérrez, Navarro, Torres, Domínguez, Vázquez, Ramos, Gil, Ramírez, Serrano, Blanco, Molina,"
        "Morales, Suárez, Ortega, Delgado, Castro, Ortiz, Rubio, Marín, Sanz, Núñez, Iglesias, Medina, Garrido, Cortés, Castillo, Santos,"
        "Lozano, Guerrero, Cano, Prieto, Méndez, Cruz, Calvo, Gallego, Vidal, León, Márquez, Herrera, Peña, Flores, Cabrera, Campos, Vega,"
        "Fuentes, Carrasco, Diez, Caballero, Reyes, Nieto, Aguilar, Pascual, Santana, Herrero, Montero, Lorenzo, Hidalgo, Giménez, Ibáñez,"
        "Etxeberria, Puig, de la Cruz, de la Fuente, del Río, de los Santos",
        second_family=0.7,
    ),
    "indian": _culture(
        "Priya, Anjali, Pooja, Sunita, Kavita, Neha, Deepika, Lakshmi, Meera, Aishwarya, Divya, Shreya, Ananya, Rekha, Geeta, Sita, Radha,"
        "Nisha, Swati, Shweta, Ritu, Preeti, Sneha, Aditi, Isha, Kiran, Fatima, Zainab, Harpreet, Gurleen, Padma, Revathi, Bhavana, Ishita",
        "Rahul, Amit, Rajesh, Sanjay, Vijay, Suresh, Anil, Ravi, Arjun, Rohan, Vikram, Aditya, Karthik, Manoj, Deepak, Ashok, Ramesh,"
        "Sunil, Nikhil, Arun, Prakash, Mohammed, Imran, Harpreet, Gurpreet, Siddharth, Varun, Krishna, Ganesh, Venkatesh, Abhishek, Ajay,"
        "Dinesh, Mahesh, Pranav, Ishaan",
        "Sharma, Patel, Singh, Kumar, Gupta, Verma, Reddy, Iyer, Nair, Khan, Das, Rao, Joshi, Mehta, Shah, Mishra, Agarwal, Chatterjee,"
        "Banerjee, Mukherjee, Ghosh, Bose, Pillai, Menon, Naidu, Krishnan, Subramanian, Venkataraman, Kulkarni, Deshmukh, Patil, Chopra,"
        "Kapoor, Malhotra, Bhatia, Kaur, Gill, Sandhu, Ahmed, Ansari, Pandey, Tiwari, Dubey, Yadav, Jain, Saxena, Srivastava, Chaudhary,"
        "Bhatt, Desai, Trivedi, Hegde, Shetty, Kamath, D'Souza, Fernandes, Pereira, Thomas, Mathew, Rajagopalan",
    ),
}

NICKNAMES = {
    "Robert": "Bob", "William": "Bill", "Richard": "Dick", "James": "Jim", "John": "Jack", "Michael": "Mike", "Thomas": "Tom",
    "Christopher": "Chris", "Daniel": "Dan", "Matthew": "Matt", "Anthony": "Tony", "Joseph": "Joe", "Edward": "Ted", "Charles": "Chuck",
    "Steven": "Steve", "Andrew": "Andy", "Kenneth": "Ken", "Nicholas": "Nick", "Benjamin": "Ben", "Samuel": "Sam", "Alexander": "Alex",
    "Elizabeth": "Liz", "Margaret": "Peggy", "Katherine": "Kate", "Catherine": "Cathy", "Patricia": "Pat", "Jennifer": "Jenny",
    "Susan": "Sue", "Rebecca": "Becky", "Deborah": "Debbie", "Stephanie": "Steph", "Victoria": "Vicky", "Samantha": "Sam",
    "Francisco": "Paco", "José": "Pepe", "Concepción": "Concha", "Dolores": "Lola", "Manuel": "Manolo", "Wolfgang": "Wolf",
    "Katharina": "Käthe", "Johanna": "Hanna", "Maximilian": "Max", "Sebastian": "Basti", "Alexandre": "Alex",
}  # fmt: skip

_UNDECOMPOSED = {ord("ß"): "ss", ord("ø"): "o", ord("ı"): "i"}  # letters that Unicode does not take apart


@cache
def ascii_fold(text: str) -> str:
    """Plain lower-case letters of a name: ``Müller-Lüdenscheid`` is ``mullerludenscheid``."""
    return "".join(c for c in normalize("NFKD", text.translate(_UNDECOMPOSED)).lower() if c.isascii() and c.isalpha() and not combining(c))


def _han_name(rng: Random, gender: str, family: str, *, traditional: bool) -> Name:
    given = _HAN_GIVEN[gender]
    first = pick(rng, given)
    # One in six has a given name of one character; doubled ones (婷婷) are a fashion among women.
    signs = (first,) if chance(rng, 0.17) else (first, first if gender == "F" and chance(rng, 0.04) else pick(rng, given))
    surname = _BY_SURNAME.get(family) or pick(rng, _HAN_FAMILIES)
    key = ("".join(sign.pinyin for sign in signs), surname.pinyin)
    name = "".join(sign.traditional if traditional else sign.simplified for sign in signs)
    clan = surname.traditional if traditional else surname.simplified
    # Passports and keyboards write ü as v; people write it as it is.
    return Name(clan + name, name, clan, key, romanised=f"{key[0]} {key[1]}".title().replace("Lv", "Lü"), han=True)


def _latin_name(rng: Random, gender: str, family: str, culture: Culture) -> Name:
    given = pick(rng, culture.female if gender == "F" else culture.male)
    if not family:
        family = pick(rng, culture.family)
        if chance(rng, culture.second_family):
            family = f"{family} {pick(rng, culture.family)}"
    middle = f" {pick(rng, 'ABCDEFGHJKLMPRSTW')}." if chance(rng, culture.middle_initial) else ""
    return Name(f"{given}{middle} {family}", given, family, (ascii_fold(given), ascii_fold(family)))


def _abroad(rng: Random, gender: str, family: str) -> Name:
    """A Chinese name as it is written abroad: romanised."""
    name = _han_name(rng, gender, "", traditional=False)
    given, clan = name.romanised.rsplit(" ", 1)
    clan = family or clan
    return Name(f"{given} {clan}", given, clan, (name.key[0], ascii_fold(clan)))


_WRITERS: dict[str, Callable[[Random, str, str], Name]] = {
    "chinese": lambda rng, gender, family: _han_name(rng, gender, family, traditional=False),
    "traditional": lambda rng, gender, family: _han_name(rng, gender, family, traditional=True),
    "overseas": _abroad,
}


def draw_name(rng: Random, culture: str, gender: str, family: str = "") -> Name:
    """A name of a culture: one of ``CULTURES``, or ``chinese``, ``traditional`` or ``overseas``.

    Args:
        rng: the source of chance.
        culture: whose naming custom it follows.
        gender: ``F`` or ``M``.
        family: the family name to keep, for members of one household.
    """
    writer = _WRITERS.get(culture)
    return writer(rng, gender, family) if writer else _latin_name(rng, gender, family, CULTURES[culture])
