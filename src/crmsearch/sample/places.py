"""Countries and cities: how people there are named, telephoned, addressed and numbered, and how clerks misspell the place."""

import msgspec

from crmsearch.sample.draw import Random, between, chance, deck, pick, words

__all__ = ["CITIES", "COUNTRIES", "City", "Country", "Numbers", "draw_address", "draw_number"]


class Numbers(msgspec.Struct, frozen=True):
    """A block of telephone numbers in E.164: a prefix, then a number between two bounds of equally many digits."""

    prefixes: tuple[str, ...]
    low: int
    high: int


class Country(msgspec.Struct, frozen=True):
    """What all cities of a country have in common.

    ``trunk`` is what is dialled before a national number, ``mobile`` is ``None`` where mobile numbers look like the city's own.
    """

    code: str
    name: str
    variants: tuple[str, ...]
    dialling: str
    trunk: str
    mobile: Numbers | None
    cultures: tuple[str, ...]
    language: str
    mailers: tuple[str, ...]
    domain: str
    streets: tuple[str, ...]
    address: str
    unit: str = ""  # the part of an address that only a flat has


class City(msgspec.Struct, frozen=True):
    """A city and how its customers differ from those of others.

    ``age`` is about their median age, ``spend`` multiplies what they buy. A district is a name, with the first six digits of a Chinese
    identity number.
    """

    name: str
    province: str
    country: Country
    variants: tuple[str, ...]
    landline: Numbers
    postcode: str
    age: int
    spend: float
    districts: tuple[tuple[str, str], ...]


def _block(prefixes: str, low: int, high: int) -> Numbers:
    return Numbers(words(prefixes), low, high)


_CHINESE_MAIL = deck(
    {"qq.com": 9, "163.com": 7, "126.com": 3, "sina.com": 2, "foxmail.com": 2, "gmail.com": 2, "139.com": 1, "outlook.com": 1}
)
_WORLD_MAIL = {"gmail.com": 10, "yahoo.com": 4, "outlook.com": 4, "hotmail.com": 4, "icloud.com": 3}
_CHINESE_STREETS = words(
    "中山路,人民路,解放路,建国路,和平路,文化路,新华路,长江路,黄河路,北京路,南京路,光明路,学府路,科技路,建设大道,滨江大道,迎宾大道,友谊路,胜利街,朝阳街,"
    "花园路,青年路,体育路,金融街,工业大道,世纪大道,创业路,幸福路,东风路,西湖路,龙井路,梧桐街,桂花路,玉兰路,天府大道,湖滨路,复兴路,延安路,太平街,兴业路"
)
_TRADITIONAL_STREETS = words(
    "彌敦道,軒尼詩道,皇后大道,德輔道,英皇道,中山路,忠孝東路,仁愛路,民生東路,信義路,復興南路,和平東路,羅斯福路,太子道"
)
_ENGLISH_STREETS = words(
    "Main Street,Oak Street,Maple Avenue,Park Avenue,Washington Street,Cedar Lane,Elm Street,Lake Drive,Hill Road,Pine Street,Sunset"
    " Boulevard,2nd Street,5th Avenue,42nd Street,Broadway,Lincoln Avenue,Jefferson Street,Franklin Street,River Road,Highland Avenue,"
    "Church Street,Spring Street,Walnut Street,Chestnut Street,Madison Avenue,Union Street,Prospect Street,Willow Lane,Dogwood Court,"
    "Martin Luther King Jr. Boulevard"
)
_BRITISH_STREETS = words(
    "High Street,Station Road,Church Lane,Victoria Road,Green Lane,Manor Road,Park Road,Queens Road,Kings Road,The Crescent,Mill Lane,"
    "London Road,Springfield Road,St. John's Street,Albert Road,Grange Road,The Avenue,York Road,Windsor Close,Abbey Gardens"
)

_GERMAN_STREETS = (
    "Hauptstraße,Bahnhofstraße,Schulstraße,Gartenstraße,Dorfstraße,Bergstraße,Lindenallee,Kirchweg,Goethestraße,Schillerplatz,"
)
_FRENCH_STREETS = "rue de la République,rue Victor-Hugo,avenue Jean-Jaurès,place de l'Église,rue du Général-de-Gaulle,boulevard Voltaire,"
_SPANISH_STREETS = "Calle Mayor,Calle de Alcalá,Avenida de la Constitución,Plaza de España,Gran Vía,Calle San Juan,Paseo de Gracia,"

_CN = Country(
    "CN", "China", ("CN", "中国", "PRC", "P.R. China", "china", "中华人民共和国"), "86", "0",
    _block("+86134,+86135,+86136,+86137,+86138,+86139,+86150,+86151,+86152,+86158,+86159,+86130,+86131,+86132,+86155,+86156,+86176,+86177,"
           "+86178,+86180,+86181,+86182,+86183,+86185,+86186,+86187,+86188,+86189,+86191,+86198,+86199", 10_000_000, 99_999_999),
    deck({"chinese": 97, "english": 2, "french": 1}), "zh", _CHINESE_MAIL, ".cn", _CHINESE_STREETS,
    "{district}{street}{number}号", "{number}号楼{flat}室",
)  # fmt: skip
_HK = Country(
    "HK", "Hong Kong", ("HK", "香港", "Hongkong", "Hong Kong SAR"), "852", "", _block("+85291,+85296,+85262,+85254", 100_000, 999_999),
    deck({"traditional": 80, "overseas": 12, "english": 6, "indian": 2}), "zh", deck({**_WORLD_MAIL, "yahoo.com.hk": 8}), ".com.hk",
    _TRADITIONAL_STREETS, "{district}{street}{number}號", "{flat}室",
)  # fmt: skip
_TW = Country(
    "TW", "Taiwan", ("TW", "台湾", "台灣", "臺灣", "taiwan"), "886", "0", _block("+8869", 10_000_000, 88_999_999),
    deck({"traditional": 96, "english": 3, "french": 1}), "zh", deck({**_WORLD_MAIL, "yahoo.com.tw": 8, "hinet.net": 3}), ".com.tw",
    _TRADITIONAL_STREETS, "{district}{street}{number}號", "{flat}樓",
)  # fmt: skip
_US = Country(
    "US", "United States", ("US", "USA", "U.S.A.", "美国", "united states", "United States of America"), "1", "", None,
    deck({"english": 76, "spanish": 11, "overseas": 4, "indian": 5, "german": 2, "french": 2}), "en",
    deck({**_WORLD_MAIL, "aol.com": 2, "comcast.net": 1}), ".com", _ENGLISH_STREETS, "{number} {street}", " Apt {flat}",
)  # fmt: skip
_GB = Country(
    "GB", "United Kingdom", ("GB", "UK", "U.K.", "英国", "Great Britain", "England", "united kingdom"), "44", "0",
    _block("+4474,+4475,+4477,+4478,+4479", 10_000_000, 99_999_999),
    deck({"english": 82, "indian": 9, "overseas": 3, "french": 2, "german": 2, "spanish": 2}), "en",
    deck({**_WORLD_MAIL, "btinternet.com": 3, "yahoo.co.uk": 4}), ".co.uk", _BRITISH_STREETS, "{number} {street}", ", Flat {number}",
)  # fmt: skip
_DE = Country(
    "DE", "Germany", ("DE", "Deutschland", "D", "德国", "germany", "GER"), "49", "0",
    _block("+49151,+49152,+49157,+49159,+49176", 20_000_000, 79_999_999),
    deck({"german": 92, "english": 2, "french": 2, "spanish": 2, "indian": 1, "overseas": 1}), "en",
    deck({**_WORLD_MAIL, "gmx.de": 8, "web.de": 7, "t-online.de": 4}), ".de",
    words(_GERMAN_STREETS + "Am Markt,Ringstraße,Mühlenweg,Rosenstraße,Friedrichstraße,Kaiserdamm,Weißdornweg,Brückenstraße"),
    "{street} {number}",
)  # fmt: skip
_FR = Country(
    "FR", "France", ("FR", "法国", "france", "FRANCE", "République française"), "33", "0", _block("+336", 10_000_000, 89_999_999),
    deck({"french": 92, "english": 2, "german": 2, "spanish": 2, "indian": 1, "overseas": 1}), "en",
    deck({**_WORLD_MAIL, "orange.fr": 7, "free.fr": 5, "wanadoo.fr": 4, "laposte.net": 3}), ".fr",
    words(_FRENCH_STREETS + "rue des Écoles,chemin des Vignes,rue Pasteur,allée des Tilleuls,rue de l'Hôtel-de-Ville,quai de la Loire"),
    "{number} {street}", ", appt {number}",
)  # fmt: skip
_ES = Country(
    "ES", "Spain", ("ES", "España", "西班牙", "spain", "ESP"), "34", "", _block("+346", 10_000_000, 89_999_999),
    deck({"spanish": 94, "english": 2, "german": 2, "french": 1, "overseas": 1}), "en",
    deck({**_WORLD_MAIL, "hotmail.es": 7, "telefonica.net": 2}), ".es",
    words(_SPANISH_STREETS + "Calle del Carmen,Avenida de Andalucía,Calle Real,Ronda de Atocha,Calle Colón,Camino Viejo"),
    "{street} {number}", ", {number}º B",
)  # fmt: skip
_IN = Country(
    "IN", "India", ("IN", "印度", "india", "Bharat", "IND"), "91", "0",
    _block("+9198,+9199,+9197,+9189,+9188,+9170", 10_000_000, 99_999_999), deck({"indian": 98, "english": 2}), "en",
    deck({"gmail.com": 12, "yahoo.co.in": 4, "rediffmail.com": 3, "outlook.com": 2, "hotmail.com": 2}), ".in",
    words("MG Road,Station Road,Gandhi Nagar,Park Street,Linking Road,Brigade Road,Nehru Marg,Anna Salai,Banjara Hills Road No. 12,"
          "Church Street,Residency Road,Netaji Subhash Road,Lajpat Nagar,Sector 21,Koregaon Park Road"),
    "{number} {street}", ", Flat {flat}",
)  # fmt: skip

COUNTRIES = {country.code: country for country in (_CN, _HK, _TW, _US, _GB, _DE, _FR, _ES, _IN)}

# city | province | country | variants | landline prefix | digits after it | postcode | weight | age | spend | districts
_TABLE = """
北京 | 北京 | CN | Beijing,北京市,BJ,beijing,Peking | +8610 | 8 | 100### | 75 | 38 | 1.35 | 朝阳区110105,海淀区110108,东城区110101
上海 | 上海 | CN | Shanghai,上海市,SH,shanghai | +8621 | 8 | 200### | 75 | 40 | 1.45 | 浦东新区310115,徐汇区310104,静安区310106,杨浦区310110
广州 | 广东 | CN | Guangzhou,广州市,GZ,guangzhou,Canton | +8620 | 8 | 510### | 45 | 36 | 1.15 | 天河区440106,越秀区440104,海珠区440105
深圳 | 广东 | CN | Shenzhen,深圳市,SZ,shenzhen | +86755 | 8 | 518### | 45 | 30 | 1.3 | 南山区440305,福田区440304,罗湖区440303,宝安区440306
成都 | 四川 | CN | Chengdu,成都市,CD,chengdu | +8628 | 8 | 610### | 32 | 37 | 0.95 | 锦江区510104,青羊区510105,武侯区510107,金牛区510106
杭州 | 浙江 | CN | Hangzhou,杭州市,HZ,hangzhou | +86571 | 8 | 310### | 30 | 34 | 1.2 | 西湖区330106,拱墅区330105,滨江区330108,上城区330102
武汉 | 湖北 | CN | Wuhan,武汉市,wuhan | +8627 | 8 | 430### | 25 | 35 | 0.85 | 武昌区420106,洪山区420111,江岸区420102
西安 | 陕西 | CN | Xi'an,西安市,Xian,xian | +8629 | 8 | 710### | 22 | 39 | 0.8 | 雁塔区610113,碑林区610103,莲湖区610104
重庆 | 重庆 | CN | Chongqing,重庆市,CQ,chongqing | +8623 | 8 | 400### | 25 | 42 | 0.8 | 渝中区500103,渝北区500112,九龙坡区500107
南京 | 江苏 | CN | Nanjing,南京市,NJ,nanjing | +8625 | 8 | 210### | 24 | 41 | 1.0 | 鼓楼区320106,玄武区320102,秦淮区320104
天津 | 天津 | CN | Tianjin,天津市,TJ,tianjin | +8622 | 8 | 300### | 18 | 44 | 0.85 | 和平区120101,河西区120103,南开区120104
苏州 | 江苏 | CN | Suzhou,苏州市,suzhou | +86512 | 8 | 215### | 18 | 36 | 1.05 | 姑苏区320508,吴中区320506
郑州 | 河南 | CN | Zhengzhou,郑州市,zhengzhou | +86371 | 8 | 450### | 14 | 35 | 0.7 | 金水区410105,中原区410102
长沙 | 湖南 | CN | Changsha,长沙市,changsha | +86731 | 8 | 410### | 14 | 34 | 0.8 | 岳麓区430104,雨花区430111
沈阳 | 辽宁 | CN | Shenyang,沈阳市,shenyang | +8624 | 8 | 110### | 12 | 47 | 0.7 | 和平区210102,沈河区210103
青岛 | 山东 | CN | Qingdao,青岛市,Tsingtao | +86532 | 8 | 266### | 12 | 41 | 0.9 | 市南区370202,崂山区370212
厦门 | 福建 | CN | Xiamen,厦门市,Amoy | +86592 | 7 | 361### | 9 | 33 | 0.95 | 思明区350203,湖里区350206
昆明 | 云南 | CN | Kunming,昆明市,kunming | +86871 | 8 | 650### | 8 | 40 | 0.65 | 五华区530102,盘龙区530103
哈尔滨 | 黑龙江 | CN | Harbin,哈尔滨市,haerbin | +86451 | 8 | 150### | 9 | 48 | 0.6 | 南岗区230103,道里区230102
合肥 | 安徽 | CN | Hefei,合肥市,hefei | +86551 | 8 | 230### | 8 | 34 | 0.75 | 蜀山区340104,庐阳区340103
香港 | 香港 | HK | Hong Kong,HK,hong kong,Hongkong | +8522 | 7 | | 20 | 43 | 1.6 | 中西區,油尖旺區,沙田區,觀塘區
台北 | 台北 | TW | Taipei,臺北,台北市,taipei | +8862 | 8 | 1## | 15 | 42 | 1.1 | 大安區,信義區,中山區
New York | New York | US | NYC,new york,New York City,N.Y.,纽约 | +1212,+1718,+1646 | 7 | 100## | 70 | 39 | 1.5 | Manhattan,Brooklyn,Queens
Los Angeles | California | US | LA,L.A.,los angeles,洛杉矶 | +1213,+1310 | 7 | 900## | 45 | 36 | 1.3 | Hollywood,Venice
Chicago | Illinois | US | chicago,Chi-town,芝加哥 | +1312,+1773 | 7 | 606## | 35 | 41 | 1.1 | The Loop,Lincoln Park
Houston | Texas | US | houston,HOU | +1713,+1281 | 7 | 770## | 28 | 38 | 1.0 | Midtown,The Heights
San Francisco | California | US | SF,san francisco,San Fran,旧金山 | +1415 | 7 | 941## | 28 | 33 | 1.7 | Mission,Sunset
Phoenix | Arizona | US | phoenix,PHX | +1602 | 7 | 850## | 20 | 52 | 0.8 | Downtown,Arcadia
London | England | GB | LONDON,london,Londres,伦敦 | +44207,+44208 | 7 | SW# #@@ | 60 | 37 | 1.4 | Camden,Hackney,Southwark
Manchester | England | GB | manchester,M'chester | +44161 | 7 | M# #@@ | 22 | 34 | 0.9 | Didsbury,Chorlton
Birmingham | England | GB | birmingham,B'ham | +44121 | 7 | B# #@@ | 20 | 42 | 0.85 | Edgbaston,Moseley
Edinburgh | Scotland | GB | edinburgh,Edinburg | +44131 | 7 | EH# #@@ | 14 | 45 | 1.0 | Leith,Morningside
Berlin | Berlin | DE | BERLIN,berlin,柏林 | +4930 | 8 | 10### | 38 | 38 | 1.0 | Mitte,Kreuzberg
München | Bayern | DE | Munich,Muenchen,munchen,慕尼黑 | +4989 | 8 | 80### | 26 | 43 | 1.4 | Schwabing,Sendling
Hamburg | Hamburg | DE | hamburg,HH,汉堡 | +4940 | 8 | 20### | 24 | 44 | 1.15 | Altona,Eimsbüttel
Köln | Nordrhein-Westfalen | DE | Cologne,Koeln,koln | +49221 | 7 | 50### | 18 | 40 | 0.95 | Ehrenfeld,Nippes
Paris | Île-de-France | FR | PARIS,paris,巴黎 | +331 | 8 | 750## | 42 | 39 | 1.4 | Montmartre,Le Marais
Lyon | Auvergne-Rhône-Alpes | FR | lyon,Lyons,里昂 | +33472,+33478 | 6 | 690## | 18 | 36 | 1.0 | Croix-Rousse
Marseille | Provence-Alpes-Côte d'Azur | FR | marseille,Marseilles | +33491 | 6 | 130## | 16 | 46 | 0.8 | Le Panier
Madrid | Comunidad de Madrid | ES | MADRID,madrid,马德里 | +3491 | 7 | 280## | 34 | 42 | 1.0 | Chamberí,Retiro
Barcelona | Cataluña | ES | barcelona,Barna,BCN,巴塞罗那 | +3493 | 7 | 080## | 28 | 40 | 1.1 | Gràcia,Eixample
Sevilla | Andalucía | ES | Seville,sevilla | +34954 | 6 | 410## | 14 | 49 | 0.7 | Triana
Mumbai | Maharashtra | IN | Bombay,mumbai,孟买 | +91222 | 7 | 4000## | 36 | 32 | 0.7 | Andheri,Bandra
Delhi | Delhi | IN | New Delhi,delhi,新德里 | +91112 | 7 | 1100## | 32 | 31 | 0.65 | Karol Bagh,Dwarka
Bengaluru | Karnataka | IN | Bangalore,bengaluru,BLR,班加罗尔 | +9180 | 8 | 5600## | 32 | 28 | 0.8 | Indiranagar,Koramangala
Chennai | Tamil Nadu | IN | Madras,chennai | +91442 | 7 | 6000## | 18 | 35 | 0.6 | Adyar,T. Nagar
"""
_DIVISION_DIGITS = 6  # of a Chinese administrative division


def _city(line: str) -> tuple[City, int]:
    """Parse a line of the table into a city and its weight."""
    name, province, country, variants, prefixes, digits, postcode, weight, age, spend, districts = (
        cell.strip() for cell in line.split("|")
    )
    scale = 10 ** (int(digits) - 1)
    divisions = ((d[:-_DIVISION_DIGITS], d[-_DIVISION_DIGITS:]) if d[-1].isdigit() else (d, "") for d in words(districts))
    city = City(
        name=name,
        province=province,
        country=COUNTRIES[country],
        variants=words(variants),
        landline=_block(prefixes, 2 * scale, 9 * scale - 1),
        postcode=postcode,
        age=int(age),
        spend=float(spend),
        districts=tuple(divisions),
    )
    return city, int(weight)


_ROWS = tuple(_city(line) for line in _TABLE.strip().splitlines())

CITIES: tuple[City, ...] = tuple(city for city, weight in _ROWS for _ in range(weight))
"""A deck of cities: somewhat less than half of it is Chinese."""


def draw_number(rng: Random, numbers: Numbers) -> str:
    """A telephone number in E.164."""
    return f"{pick(rng, numbers.prefixes)}{between(rng, numbers.low, numbers.high)}"


def draw_address(rng: Random, city: City, district: str) -> str:
    """A street address the way the city's country writes it."""
    country = city.country
    address = country.address.format(district=district, street=pick(rng, country.streets), number=between(rng, 1, 240))
    if country.unit and chance(rng, 0.6):
        address += country.unit.format(number=between(rng, 1, 30), flat=between(rng, 1, 28) * 100 + between(rng, 1, 6))
    return address
