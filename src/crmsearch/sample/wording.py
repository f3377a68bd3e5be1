"""The words of offices: companies, job titles, tags, notes, tickets, campaigns and categories of goods."""

from crmsearch.sample.draw import deck, skewed, words

__all__ = [
    "BRANDS",
    "CAMPAIGNS",
    "CATEGORIES",
    "CHANNELS",
    "COMPANY_ENDINGS",
    "INDUSTRIES",
    "JOBS",
    "MESSY_NOTES",
    "NOTES",
    "OWNERS",
    "SUBJECTS",
    "TAGS",
    "TRADES",
]

INDUSTRIES = deck(
    {
        "Technology": 18,
        "Manufacturing": 14,
        "Retail": 14,
        "Finance": 11,
        "Healthcare": 9,
        "Education": 8,
        "Logistics": 7,
        "Real Estate": 6,
        "Hospitality": 5,
        "Media": 4,
        "Energy": 3,
        "Agriculture": 1,
    }
)

TRADES = {
    "zh": {
        "Technology": words("科技,信息技术,软件,网络科技"),
        "Manufacturing": words("机械制造,电子,精密仪器"),
        "Retail": words("商贸,百货,贸易"),
        "Finance": words("投资管理,资产管理,保险经纪"),
        "Healthcare": words("医疗器械,医药,健康科技"),
        "Education": words("教育科技,文化传播"),
        "Logistics": words("物流,供应链管理,货运"),
        "Real Estate": words("置业,房地产开发,物业管理"),
        "Hospitality": words("酒店管理,餐饮管理,旅游"),
        "Media": words("传媒,广告,文化传媒"),
        "Energy": words("新能源,电力工程"),
        "Agriculture": words("农业发展,食品"),
    },
    "en": {
        "Technology": words("Software,Systems,Digital,Data"),
        "Manufacturing": words("Industries,Engineering,Tools"),
        "Retail": words("Stores,Trading,Outfitters"),
        "Finance": words("Capital,Partners,Insurance"),
        "Healthcare": words("Medical,Pharma,Clinics"),
        "Education": words("Academy,Learning"),
        "Logistics": words("Logistics,Freight,Shipping"),
        "Real Estate": words("Properties,Estates"),
        "Hospitality": words("Hotels,Catering,Travel"),
        "Media": words("Media,Publishing,Studios"),
        "Energy": words("Energy,Solar"),
        "Agriculture": words("Farms,Foods"),
    },
}

BRANDS = {
    "zh": skewed(
        tuple(token.split(":"))
        for token in words(
            "恒信:hengxin,华泰:huatai,鼎盛:dingsheng,瑞丰:ruifeng,中联:zhonglian,天成:tiancheng,宏达:hongda,金桥:jinqiao,博远:boyuan,"
            "东方:dongfang,新维:xinwei,创想:chuangxiang,云帆:yunfan,星辰:xingchen,蓝海:lanhai,绿源:lvyuan,嘉禾:jiahe,德润:derun,"
            "盛世:shengshi,智联:zhilian,海纳:haina,卓越:zhuoyue,凌云:lingyun,启明:qiming,百川:baichuan,万通:wantong,永安:yongan,"
            "和信:hexin,泰康:taikang,锦程:jincheng,飞扬:feiyang,正阳:zhengyang,明德:mingde,弘毅:hongyi,同创:tongchuang,九州:jiuzhou,"
            "四方:sifang,长城:changcheng,安捷:anjie,优品:youpin"
        )
    ),
    "en": skewed(
        (name, name.lower().replace(" ", ""))
        for name in words(
            "Brightwater,Harbor,Redwood,Summit,Keystone,Silverline,Blue Ridge,Ironwood,Oakfield,Lakeside,Northgate,Westbrook,Eastman,"
            "Clearview,Greenfield,Stonebridge,Fairmont,Crestwood,Highland,Ashford,Kingsley,Beacon,Pinnacle,Horizon,Vertex,Quantum,Apex,"
            "Nova,Orion,Atlas,Meridian,Solstice,Cascade,Granite,Falcon,Heron,Juniper,Maple Leaf,Copperfield,Windmill,Riverside,Sterling,"
            "Anchor,Compass,Lighthouse,Evergreen,Sunrise,Twin Peaks,Cobalt,Amber"
        )
    ),
}
"""A brand and how it is written in an internet address."""

COMPANY_ENDINGS = {
    "CN": words("有限公司,有限公司,有限公司,股份有限公司,有限责任公司,集团"),
    "HK": words("有限公司,Ltd."),
    "TW": words("股份有限公司,有限公司"),
    "US": words("Inc.,LLC,Corp.,Co."),
    "GB": words("Ltd,Limited,PLC,& Sons"),
    "DE": words("GmbH,AG,GmbH & Co. KG,e.K."),
    "FR": words("SARL,SA,SAS"),
    "ES": words("S.L.,S.A."),
    "IN": words("Pvt. Ltd.,Ltd.,& Co."),
}

JOBS = {
    "zh": skewed(
        words(
            "销售经理,工程师,会计,采购经理,教师,总经理,行政主管,产品经理,软件工程师,市场专员,客户经理,财务总监,人事经理,医生,护士,店长,设计师,项目经理,"
            "运营总监,仓库主管,律师,法定代表人,董事长,退休,个体户,学生"
        )
    ),
    "en": skewed(
        words(
            "Sales Manager,Software Engineer,Accountant,Teacher,Project Manager,Nurse,Office Manager,Marketing Manager,Consultant,Analyst,"
            "Operations Manager,Buyer,Product Manager,Director,Account Executive,Engineer,Designer,HR Manager,Store Manager,Physician,"
            "Owner,Chief Executive Officer,Chief Financial Officer,Vice President,Attorney,Warehouse Lead,Retired,Student"
        )
    ),
}

OWNERS = {
    "zh": skewed(words("李娜,王磊,张敏,陈杰,刘洋,赵倩,孙鹏,周婷,吴昊,郑爽爽")),
    "en": skewed(
        words("Anna Fischer,Tom Baker,Priya Nair,Lucia Romero,James Cole,Sophie Laurent,Mark Olsen,Dana White,Omar Haddad,Kate Byrne")
    ),
}

TAGS = skewed(words("newsletter,loyalty,referral,webinar,wholesale,trade-fair,student,early-adopter,do-not-call,partner,survey,press"))

NOTES = {
    "zh": words(
        "客户要求下周回访。,喜欢用微信沟通。,对价格比较敏感。,已寄送样品。,希望开具增值税发票。,老客户介绍。,合同已续签一年。,联系时间为下午三点后。,"
        "曾投诉物流太慢。,预算尚未确定。,对新品很感兴趣。,展会上认识的客户。"
    ),
    "en": words(
        "Prefers e-mail over phone calls.,Met at the trade fair in spring.,Asked for a call back next week.,Budget not decided yet.,"
        "Long-standing customer referred by a friend.,Interested in the premium plan.,Complained about slow delivery.,"
        "Contract renewed for a year.,Wants invoices in PDF.,Only available after 3 pm.,Sample kit sent.,Speaks German and French.,"
        "Is comparing us with a competitor."
    ),
}

MESSY_NOTES = (
    'Said "call me back", then hung up',
    'Size 12", blue, 3 pieces',
    "Wants: A, B, and maybe C",
    "Ordered twice, paid once, refunded",
    '客户说"下次再联系",暂不跟进',
    "地址有误, 请核对, 谢谢",
    'Alias "Junior"; see account, 2019',
    "See folder 7, page 3, line 2",
)
"""Notes that a CSV file must quote."""

CATEGORIES = {
    "Electronics": (14, 620.0),
    "Clothing": (18, 140.0),
    "Home": (14, 260.0),
    "Groceries": (16, 75.0),
    "Beauty": (10, 120.0),
    "Sports": (8, 210.0),
    "Books": (8, 55.0),
    "Toys": (6, 90.0),
    "Software": (4, 900.0),
    "Travel": (2, 2400.0),
}
"""Category of goods: how often it is bought, and the median amount of an order."""

CHANNELS = deck({"web": 46, "app": 28, "store": 16, "phone": 7, "partner": 3})

SUBJECTS = {
    "zh": skewed(
        words(
            "订单未收到,申请退款,发票抬头有误,无法登录账户,商品破损,更换收货地址,优惠券无法使用,物流信息不更新,产品使用咨询,投诉客服态度,修改手机号码,"
            "重复扣款,申请换货,会员积分问题,取消订阅,合同盖章问题"
        )
    ),
    "en": skewed(
        words(
            "Order has not arrived,Refund request,Wrong name on invoice,Cannot log in,Item arrived damaged,Change of delivery address,"
            "Voucher does not work,Tracking is not updated,Question about product use,Complaint about an agent,Update my phone number,"
            "Charged twice,Exchange for another size,Loyalty points missing,Cancel my subscription,App crashes at checkout"
        )
    ),
}

CAMPAIGNS = words(
    "Spring Launch,Summer Sale,Back to School,Singles Day 11.11,Black Friday,Winter Warmers,春节 Lunar New Year,中秋 Mid-Autumn,618,"
    "Loyalty Week,Win-Back,Referral Bonus,Product Webinar,Newsletter Q1,Newsletter Q2,Newsletter Q3,Newsletter Q4,App Install,"
    "Customer Survey,VIP Preview,Birthday Treat,Flash Friday,Free Shipping,Trade Fair Follow-up"
)
