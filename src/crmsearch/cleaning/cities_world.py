"""Cities of the world outside China: the capitals, those of two million people and more, and the best known of the others. Data only."""

__all__ = ["WORLD_CITIES"]

# canonical | country | further spellings
# A "?" behind the country says that another large city of that name exists elsewhere, so the city does not tell the country.
WORLD_CITIES = """
New York|US|New York City,NYC,NY,Manhattan,Brooklyn,纽约,紐約,纽约市
Los Angeles|US|LA,L.A.,洛杉矶
Chicago|US|芝加哥
Houston|US|休斯敦,休斯顿
San Francisco|US|SF,San Fran,旧金山,三藩市
San Jose|US?|圣何塞,San José de Costa Rica
San Diego|US|圣迭戈,圣地亚哥(美国)
Seattle|US|西雅图
Boston|US|波士顿
Philadelphia|US|Philly,费城
Washington|US|Washington DC,Washington D.C.,华盛顿
Miami|US|迈阿密
Atlanta|US|亚特兰大
Dallas|US|达拉斯
Denver|US|丹佛
Las Vegas|US|Vegas,拉斯维加斯
Phoenix|US|菲尼克斯,凤凰城
Detroit|US|底特律
Minneapolis|US|明尼阿波利斯
Tampa|US|坦帕
San Antonio|US|圣安东尼奥
Austin|US|奥斯汀
Baltimore|US|巴尔的摩
Toronto|CA|多伦多
Vancouver|CA|温哥华
Montreal|CA|Montréal,蒙特利尔
Ottawa|CA|渥太华
Calgary|CA|卡尔加里
Edmonton|CA|埃德蒙顿
Mexico City|MX|Ciudad de México,CDMX,México D.F.,墨西哥城
Guadalajara|MX?|瓜达拉哈拉
Monterrey|MX|蒙特雷
Puebla|MX|普埃布拉
Tijuana|MX|蒂华纳
Toluca|MX|托卢卡
Guatemala City|GT|Ciudad de Guatemala,危地马拉城
San Salvador|SV|圣萨尔瓦多
Tegucigalpa|HN|特古西加尔巴
Managua|NI|马那瓜
Panama City|PA|Ciudad de Panamá,巴拿马城
Belmopan|BZ|贝尔莫潘
Havana|CU|La Habana,哈瓦那
Kingston|JM?|金斯敦
Port-au-Prince|HT|太子港
Santo Domingo|DO|圣多明各
San Juan|PR?|圣胡安
Nassau|BS|拿骚
Bridgetown|BB|布里奇顿
Port of Spain|TT|西班牙港
Castries|LC|卡斯特里
Roseau|DM|罗索
Basseterre|KN|巴斯特尔
Kingstown|VC|金斯敦(圣文森特)
São Paulo|BR|圣保罗
Rio de Janeiro|BR|Rio,里约热内卢,里约
Brasília|BR|巴西利亚
Belo Horizonte|BR|贝洛奥里藏特
Salvador|BR|Salvador da Bahia,萨尔瓦多(巴西)
Fortaleza|BR|福塔莱萨
Recife|BR|累西腓
Porto Alegre|BR|阿雷格里港
Curitiba|BR|库里蒂巴
Campinas|BR|坎皮纳斯
Goiânia|BR|戈亚尼亚
Belém|BR|贝伦
Manaus|BR|马瑙斯
Buenos Aires|AR|布宜诺斯艾利斯
Córdoba|AR?|科尔多瓦
Rosario|AR|罗萨里奥
Santiago|CL?|Santiago de Chile,圣地亚哥
Bogotá|CO|Santa Fe de Bogotá,波哥大
Medellín|CO|麦德林
Cali|CO|Santiago de Cali,卡利
Barranquilla|CO|巴兰基亚
Lima|PE|利马
Quito|EC|基多
Guayaquil|EC|瓜亚基尔
La Paz|BO?|拉巴斯
Sucre|BO|苏克雷
Santa Cruz de la Sierra|BO|Santa Cruz Bolivia,圣克鲁斯
Asunción|PY|亚松森
Montevideo|UY|蒙得维的亚
Caracas|VE|加拉加斯
Maracaibo|VE|马拉开波
Georgetown|GY?|乔治敦
Paramaribo|SR|帕拉马里博
London|GB|伦敦,Greater London,Londres,Londra,City of London
Manchester|GB|曼彻斯特
Birmingham|GB?|伯明翰
Edinburgh|GB|爱丁堡
Glasgow|GB|格拉斯哥
Liverpool|GB|利物浦
Leeds|GB|利兹
Cardiff|GB|Caerdydd,加的夫
Belfast|GB|贝尔法斯特
Cambridge|GB?|剑桥
Oxford|GB?|牛津
Dublin|IE|Baile Átha Cliath,都柏林
Paris|FR|巴黎,Parigi
Lyon|FR|Lyons,里昂
Marseille|FR|Marseilles,马赛
Toulouse|FR|图卢兹
Nice|FR|Nizza,尼斯
Bordeaux|FR|波尔多
Lille|FR|里尔
Strasbourg|FR|Straßburg,Strassburg,斯特拉斯堡
Berlin|DE|柏林
Hamburg|DE|汉堡
Munich|DE|München,Muenchen,慕尼黑
Cologne|DE|Köln,Koeln,科隆
Frankfurt|DE|Frankfurt am Main,Frankfurt/Main,Frankfurt a. M.,Frankfurt a.M.,法兰克福
Stuttgart|DE|斯图加特
Düsseldorf|DE|Duesseldorf,杜塞尔多夫
Dresden|DE|德累斯顿
Leipzig|DE|莱比锡
Hanover|DE|Hannover,汉诺威
Nuremberg|DE|Nürnberg,Nuernberg,纽伦堡
Bonn|DE|波恩
Vienna|AT|Wien,Vienne,维也纳
Zurich|CH|Zürich,Zuerich,苏黎世
Geneva|CH|Genève,Genf,日内瓦
Basel|CH|Bâle,Basle,巴塞尔
Bern|CH|Berne,伯尔尼
Vaduz|LI|瓦杜兹
Luxembourg|LU|Luxemburg,Lëtzebuerg,Luxembourg City,卢森堡
Amsterdam|NL|阿姆斯特丹
Rotterdam|NL|鹿特丹
The Hague|NL|Den Haag,'s-Gravenhage,海牙
Brussels|BE|Bruxelles,Brussel,Brüssel,布鲁塞尔
Antwerp|BE|Antwerpen,Anvers,安特卫普
Madrid|ES|马德里
Barcelona|ES|巴塞罗那
Valencia|ES?|巴伦西亚,瓦伦西亚
Seville|ES|Sevilla,塞维利亚
Lisbon|PT|Lisboa,里斯本
Porto|PT|Oporto,波尔图
Andorra la Vella|AD|安道尔城
Monaco|MC|Monte Carlo,摩纳哥
Rome|IT|Roma,Rom,罗马
Milan|IT|Milano,Mailand,米兰
Naples|IT?|Napoli,那不勒斯
Turin|IT|Torino,都灵
Florence|IT?|Firenze,Florenz,佛罗伦萨
Venice|IT?|Venezia,Venedig,威尼斯
Vatican City|VA|Città del Vaticano,梵蒂冈城
San Marino|SM|圣马力诺
Valletta|MT|瓦莱塔
Athens|GR?|Athína,Αθήνα,雅典
Thessaloniki|GR|Θεσσαλονίκη,塞萨洛尼基
Nicosia|CY|Lefkosia,尼科西亚
Copenhagen|DK|København,Kobenhavn,Kopenhagen,哥本哈根
Stockholm|SE|斯德哥尔摩
Gothenburg|SE|Göteborg,哥德堡
Oslo|NO|奥斯陆
Helsinki|FI|Helsingfors,赫尔辛基
Reykjavik|IS|Reykjavík,雷克雅未克
Tallinn|EE|塔林
Riga|LV|Rīga,里加
Vilnius|LT|维尔纽斯
Warsaw|PL|Warszawa,Warschau,华沙
Kraków|PL|Cracow,Krakau,克拉科夫
Prague|CZ|Praha,Prag,布拉格
Bratislava|SK|布拉迪斯拉发
Budapest|HU|布达佩斯
Ljubljana|SI|卢布尔雅那
Zagreb|HR|萨格勒布
Sarajevo|BA|Сарајево,萨拉热窝
Belgrade|RS|Beograd,Београд,贝尔格莱德
Podgorica|ME|波德戈里察
Skopje|MK|Скопје,斯科普里
Tirana|AL|Tiranë,地拉那
Sofia|BG|София,索非亚
Bucharest|RO|București,Bukarest,布加勒斯特
Chișinău|MD|Chisinau,Kishinev,基希讷乌
Kyiv|UA|Kiev,Київ,Киев,Kiew,基辅
Kharkiv|UA|Kharkov,Харків,哈尔科夫
Odesa|UA|Odessa,Одеса,敖德萨
Minsk|BY|Мінск,Минск,明斯克
Moscow|RU|Moskva,Moskau,Москва,莫斯科
Saint Petersburg|RU|St Petersburg,St. Petersburg,Sankt-Peterburg,Leningrad,Санкт-Петербург,圣彼得堡
Novosibirsk|RU|Новосибирск,新西伯利亚
Yekaterinburg|RU|Екатеринбург,叶卡捷琳堡
Vladivostok|RU|Владивосток,符拉迪沃斯托克,海参崴
Istanbul|TR|İstanbul,Constantinople,伊斯坦布尔
Ankara|TR|安卡拉
Izmir|TR|İzmir,伊兹密尔
Bursa|TR|布尔萨
Antalya|TR|安塔利亚
Adana|TR|阿达纳
Gaziantep|TR|加济安泰普
Konya|TR|科尼亚
Tbilisi|GE|თბილისი,第比利斯
Yerevan|AM|Երևան,埃里温
Baku|AZ|Bakı,巴库
Dubai|AE|دبي,迪拜
Abu Dhabi|AE|أبو ظبي,أبوظبي,阿布扎比
Sharjah|AE|沙迦
Doha|QA|الدوحة,多哈
Manama|BH|麦纳麦
Kuwait City|KW|科威特城
Riyadh|SA|الرياض,利雅得
Jeddah|SA|Jidda,جدة,吉达
Mecca|SA|Makkah,مكة,麦加
Medina|SA|Madinah,麦地那
Dammam|SA|达曼
Muscat|OM|马斯喀特
Sana'a|YE|Sanaa,萨那
Aden|YE|亚丁
Baghdad|IQ|بغداد,巴格达
Basra|IQ|巴士拉
Mosul|IQ|摩苏尔
Erbil|IQ|埃尔比勒
Tehran|IR|Teheran,تهران,德黑兰
Mashhad|IR|مشهد,马什哈德
Isfahan|IR|Esfahan,伊斯法罕
Shiraz|IR|设拉子
Karaj|IR|卡拉季
Tabriz|IR|大不里士
Damascus|SY|دمشق,大马士革
Aleppo|SY|حلب,阿勒颇
Beirut|LB|Beyrouth,بيروت,贝鲁特
Amman|JO|عمان,安曼
Jerusalem|IL|ירושלים,耶路撒冷
Tel Aviv|IL|Tel Aviv-Yafo,תל אביב,特拉维夫
Ramallah|PS|拉姆安拉
Gaza|PS|Gaza City,加沙
Kabul|AF|喀布尔
Tashkent|UZ|Toshkent,Ташкент,塔什干
Almaty|KZ|Alma-Ata,Алматы,阿拉木图
Astana|KZ|Nur-Sultan,Астана,阿斯塔纳
Bishkek|KG|Бишкек,比什凯克
Dushanbe|TJ|Душанбе,杜尚别
Ashgabat|TM|Aşgabat,阿什哈巴德
Ulaanbaatar|MN|Ulan Bator,Улаанбаатар,乌兰巴托
Cairo|EG|القاهرة,Le Caire,Kairo,开罗
Alexandria|EG?|الإسكندرية,亚历山大
Giza|EG|الجيزة,吉萨
Tripoli|LY?|طرابلس,的黎波里
Tunis|TN|تونس,突尼斯市
Algiers|DZ|Alger,الجزائر,阿尔及尔
Oran|DZ|奥兰
Rabat|MA|الرباط,拉巴特
Casablanca|MA|الدار البيضاء,卡萨布兰卡
Nouakchott|MR|努瓦克肖特
Dakar|SN|达喀尔
Banjul|GM|班珠尔
Bissau|GW|比绍
Conakry|GN|科纳克里
Freetown|SL|弗里敦
Monrovia|LR|蒙罗维亚
Yamoussoukro|CI|亚穆苏克罗
Abidjan|CI|阿比让
Accra|GH|阿克拉
Kumasi|GH|库马西
Lomé|TG|洛美
Porto-Novo|BJ|波多诺伏
Cotonou|BJ|科托努
Ouagadougou|BF|瓦加杜古
Bamako|ML|巴马科
Niamey|NE|尼亚美
Lagos|NG|拉各斯
Abuja|NG|阿布贾
Kano|NG|卡诺
Ibadan|NG|伊巴丹
Port Harcourt|NG|哈科特港
Benin City|NG|贝宁城
N'Djamena|TD|恩贾梅纳
Yaoundé|CM|雅温得
Douala|CM|杜阿拉
Malabo|GQ|马拉博
Libreville|GA|利伯维尔
São Tomé|ST|圣多美
Brazzaville|CG|布拉柴维尔
Kinshasa|CD|金沙萨
Lubumbashi|CD|卢本巴希
Mbuji-Mayi|CD|姆布吉马伊
Bangui|CF|班吉
Khartoum|SD|الخرطوم,喀土穆
Omdurman|SD|恩图曼
Juba|SS|朱巴
Asmara|ER|阿斯马拉
Djibouti|DJ|Djibouti City,吉布提市
Addis Ababa|ET|አዲስ አበባ,亚的斯亚贝巴
Mogadishu|SO|Muqdisho,摩加迪沙
Nairobi|KE|内罗毕
Mombasa|KE|蒙巴萨
Kampala|UG|坎帕拉
Kigali|RW|基加利
Gitega|BI|基特加
Bujumbura|BI|布琼布拉
Dodoma|TZ|多多马
Dar es Salaam|TZ|达累斯萨拉姆
Luanda|AO|罗安达
Lusaka|ZM|卢萨卡
Harare|ZW|哈拉雷
Lilongwe|MW|利隆圭
Maputo|MZ|马普托
Antananarivo|MG|塔那那利佛
Port Louis|MU|路易港
Moroni|KM|莫罗尼
Praia|CV|普拉亚
Windhoek|NA|温得和克
Gaborone|BW|哈博罗内
Maseru|LS|马塞卢
Mbabane|SZ|姆巴巴内
Johannesburg|ZA|Joburg,约翰内斯堡
Cape Town|ZA|Kaapstad,开普敦
Pretoria|ZA|Tshwane,比勒陀利亚
Durban|ZA|eThekwini,德班
Victoria|SC?|维多利亚
Mumbai|IN|Bombay,मुंबई,孟买
Delhi|IN|New Delhi,दिल्ली,新德里,德里
Bangalore|IN|Bengaluru,班加罗尔
Hyderabad|IN?|海得拉巴,海德拉巴
Chennai|IN|Madras,金奈
Kolkata|IN|Calcutta,加尔各答
Ahmedabad|IN|Ahmadabad,艾哈迈达巴德
Pune|IN|Poona,浦那
Surat|IN|苏拉特
Jaipur|IN|斋浦尔
Lucknow|IN|勒克瑙
Kanpur|IN|坎普尔
Nagpur|IN|那格浦尔
Indore|IN|印多尔
Patna|IN|巴特那
Kochi|IN?|Cochin,柯钦
Coimbatore|IN|哥印拜陀
Ghaziabad|IN|加济阿巴德
Karachi|PK|کراچی,卡拉奇
Lahore|PK|لاہور,拉合尔
Islamabad|PK|اسلام آباد,伊斯兰堡
Faisalabad|PK|费萨拉巴德
Rawalpindi|PK|拉瓦尔品第
Gujranwala|PK|古杰兰瓦拉
Multan|PK|木尔坦
Peshawar|PK|白沙瓦
Dhaka|BD|Dacca,ঢাকা,达卡
Chittagong|BD|Chattogram,吉大港
Kathmandu|NP|काठमाडौं,加德满都
Thimphu|BT|廷布
Colombo|LK|科伦坡
Sri Jayawardenepura Kotte|LK|Kotte,科特
Malé|MV|马累
Bangkok|TH|Krung Thep,กรุงเทพมหานคร,กรุงเทพ,曼谷
Chiang Mai|TH|清迈
Singapore|SG|新加坡,Singapore City,Singapura,星加坡
Kuala Lumpur|MY|KL,吉隆坡
Jakarta|ID|Djakarta,雅加达
Surabaya|ID|泗水
Bandung|ID|万隆
Medan|ID|棉兰
Bekasi|ID|勿加泗
Depok|ID|德波
Tangerang|ID|坦格朗
Manila|PH|Maynila,马尼拉
Quezon City|PH|奎松城,奎松市
Davao|PH|Davao City,达沃
Caloocan|PH|卡洛奥坎
Hanoi|VN|Hà Nội,河内
Ho Chi Minh City|VN|Saigon,HCMC,Thành phố Hồ Chí Minh,胡志明市,西贡
Da Nang|VN|Đà Nẵng,Danang,岘港
Phnom Penh|KH|金边
Vientiane|LA|万象
Naypyidaw|MM|Nay Pyi Taw,内比都
Yangon|MM|Rangoon,仰光
Mandalay|MM|曼德勒
Bandar Seri Begawan|BN|斯里巴加湾,斯里巴加湾市
Dili|TL|帝力
Tokyo|JP|东京,东京都,Tōkyō,Tokio
Osaka|JP|大阪,Ōsaka,大阪市
Kyoto|JP|京都,Kyōto
Yokohama|JP|横滨,横浜
Nagoya|JP|名古屋
Sapporo|JP|札幌
Fukuoka|JP|福冈,福岡
Kobe|JP|Kōbe,神户,神戸
Hiroshima|JP|广岛,広島
Seoul|KR|서울,서울특별시,首尔,汉城
Busan|KR|Pusan,부산,부산광역시,釜山
Incheon|KR|Inchon,인천,仁川
Daegu|KR|Taegu,대구,大邱
Pyongyang|KP|평양,平壤
Sydney|AU|悉尼,雪梨
Melbourne|AU|墨尔本
Brisbane|AU|布里斯班
Perth|AU|珀斯
Adelaide|AU|阿德莱德
Canberra|AU|堪培拉
Auckland|NZ|奥克兰
Wellington|NZ|惠灵顿
Suva|FJ|苏瓦
Port Moresby|PG|莫尔兹比港
Honiara|SB|霍尼亚拉
Port Vila|VU|维拉港
Apia|WS|阿皮亚
Nuku'alofa|TO|努库阿洛法
Tarawa|KI|South Tarawa,塔拉瓦
Majuro|MH|马朱罗
Palikir|FM|帕利基尔
Ngerulmud|PW|Melekeok,恩吉鲁穆德
Funafuti|TV|富纳富提
Yaren|NR|亚伦
"""
