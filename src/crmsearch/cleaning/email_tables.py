"""Tables of mail domains and of words before the ``@``. Data only."""

__all__ = ["DISPOSABLE", "FILLER", "MAIL_PROVIDERS", "ROLES", "TYPO_ENDINGS"]

# Where private people have their mailboxes; a domain one slip away from these is taken for the slip.
_MAIL_PROVIDERS = """
gmail.com googlemail.com hotmail.com hotmail.co.uk hotmail.fr hotmail.de hotmail.it hotmail.es outlook.com outlook.fr outlook.de live.com
live.cn msn.com yahoo.com yahoo.co.uk yahoo.fr yahoo.de yahoo.es yahoo.it yahoo.co.jp yahoo.co.in yahoo.com.br yahoo.com.au yahoo.com.cn
yahoo.com.hk ymail.com icloud.com me.com mac.com aol.com mail.com email.com protonmail.com proton.me pm.me gmx.de gmx.net gmx.com gmx.at
web.de t-online.de freenet.de orange.fr wanadoo.fr free.fr laposte.net libero.it virgilio.it mail.ru yandex.ru yandex.com naver.com
daum.net hanmail.net rediffmail.com uol.com.br btinternet.com comcast.net verizon.net att.net bigpond.com docomo.ne.jp ezweb.ne.jp qq.com
vip.qq.com foxmail.com 163.com vip.163.com 126.com yeah.net 188.com 139.com 189.cn wo.cn sina.com sina.cn vip.sina.com sohu.com tom.com
21cn.com aliyun.com example.com example.org example.net
"""
MAIL_PROVIDERS = frozenset(_MAIL_PROVIDERS.split())

# Endings that no one meant, before any provider's name.
TYPO_ENDINGS = {
    "con": "com", "cmo": "com", "ocm": "com", "comm": "com", "coom": "com", "ccom": "com", "vom": "com", "xom": "com", "cpm": "com",
    "clm": "com", "om": "com", "cm": "com", "co": "com", "c0m": "com", "cn.com": "com.cn", "nte": "net", "ent": "net", "ne": "net",
}  # fmt: skip

# Mailboxes that several people read, or nobody.
_ROLES = """
info sales contact support service services help helpdesk admin administrator office mail hello team enquiries enquiry inquiry inquiries
marketing press media pr hr jobs careers recruiting recruitment billing accounts accounting finance invoice invoices orders order
purchasing procurement reception customerservice customercare customersupport feedback legal privacy abuse security webmaster postmaster
hostmaster root noreply no-reply donotreply do-not-reply newsletter kontakt buero vertrieb einkauf buchhaltung bewerbung rechnung contacto
ventas contabilidad commercial comptabilite accueil vendite kefu 客服 销售 市场部 人事 财务
"""
ROLES = frozenset(_ROLES.split())

# What is typed before the "@" where a form insists on an address that nobody has.
_FILLER = """
a aa email mail noemail nomail no-email no.email noreply example sample none no na nil null notprovided not.provided unknown nobody noone
anonymous invalid user username yourname name abc abcd abc123 test1 test123 testtest asd asdf qwe qwerty 123abc
"""
FILLER = frozenset(_FILLER.split())

# Mailboxes that vanish after minutes or that anybody may read; their subdomains too.
_DISPOSABLE = """
10minutemail.com 10minutemail.net 20minutemail.com 33mail.com anonbox.net bccto.me byom.de chacuo.net crazymailing.com cock.lu
deadaddress.com discard.email discardmail.com discardmail.de dispostable.com dropmail.me dodgit.com einrot.com emailondeck.com
emailfake.com emltmp.com fakeinbox.com fakemail.net fakemailgenerator.com filzmail.com getairmail.com getnada.com grr.la guerrillamail.biz
guerrillamail.com guerrillamail.de guerrillamail.info guerrillamail.net guerrillamail.org guerrillamailblock.com harakirimail.com
inboxbear.com inboxkitten.com incognitomail.org jetable.org kasmail.com linshiyouxiang.net linshiyou.com luxusmail.org mailcatch.com
maildrop.cc mailinator.com mailinator.net mailinator2.com mailnesia.com mailnull.com mailsac.com mailtemp.info mintemail.com moakt.cc
moakt.com mohmal.com mvrht.net mytemp.email mytrashmail.com nada.email nwytg.net pokemail.net rcpt.at sharklasers.com smailpro.com
spam4.me spambog.com spambox.us spamex.com spamgourmet.com temp-mail.io temp-mail.org tempail.com tempinbox.com tempmail.com tempmail.dev
tempmail.net tempmailaddress.com tempmailo.com tempr.email throwam.com throwawaymail.com tmail.ws tmailor.com tmpmail.net tmpmail.org
trash-mail.com trash-mail.de trashmail.com trashmail.de trashmail.me trashmail.net trbvm.com wegwerfemail.de wegwerfmail.de yopmail.com
yopmail.fr yopmail.net
"""
DISPOSABLE = frozenset(_DISPOSABLE.split())
