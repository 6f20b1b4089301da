"""The words and odds of the imaginary city: kinds of crime with their codes, and kinds of place. All numbers are invented."""

from __future__ import annotations

import re
from dataclasses import dataclass

PLACES = {
    "home": (
        "APARTMENT:14|RESIDENCE:17|RESIDENCE - PORCH / HALLWAY:2|RESIDENCE - GARAGE:1.6|RESIDENCE - YARD (FRONT / BACK):1.6|"
        "DRIVEWAY - RESIDENTIAL:.5|HOUSING AUTHORITY APARTMENT:.5|HOUSING AUTHORITY PARKING LOT:.2|HOUSING AUTHORITY HALLWAY:.1|"
        "NURSING / RETIREMENT HOME:.3|COLLEGE / UNIVERSITY - RESIDENCE HALL:.1|BASEMENT:.05|STAIRWELL:.04|ELEVATOR:.03|"
        "COACH HOUSE:.02|ROOMING HOUSE:.02"
    ),
    "outdoors": (
        "STREET:24|SIDEWALK:8|ALLEY:2|PARKING LOT / GARAGE (NON RESIDENTIAL):3|PARK PROPERTY:.8|VACANT LOT / LAND:.4|"
        "LAKEFRONT / WATERFRONT / RIVERBANK:.1|BRIDGE:.04|FOREST PRESERVE:.03|HIGHWAY / EXPRESSWAY:.1|GANGWAY:.1|YARD:.1|"
        "CEMETERY:.02|RAILROAD PROPERTY:.05|FARM:.01|SEWER:.01"
    ),
    "shop": (
        "SMALL RETAIL STORE:2.6|DEPARTMENT STORE:1.9|GROCERY FOOD STORE:1.3|GAS STATION:1.3|CONVENIENCE STORE:.8|DRUG STORE:.5|"
        "APPLIANCE STORE:.1|TAVERN / LIQUOR STORE:.2|CLEANING STORE:.05|PAWN SHOP:.04|CELL PHONE STORE:.1|NEWSSTAND:.02|"
        "AUTO DEALERSHIP:.05|FURNITURE STORE:.03|CANNABIS DISPENSARY:.04"
    ),
    "transit": (
        "CTA TRAIN:.6|CTA PLATFORM:.4|CTA BUS:.4|CTA BUS STOP:.2|CTA STATION:.2|CTA PARKING LOT:.04|"
        "CTA TRACKS - RIGHT OF WAY:.02|OTHER RAILROAD PROPERTY / TRAIN DEPOT:.05|AIRPORT TERMINAL - SECURE AREA:.1|"
        "AIRPORT TERMINAL - NON-SECURE AREA:.1|AIRPORT EXTERIOR:.05|AIRPORT PARKING LOT:.05|AIRCRAFT:.03|BOAT / WATERCRAFT:.02|"
        "AIRPORT TRANSPORTATION SYSTEM:.01"
    ),
    "vehicle": (
        "VEHICLE NON-COMMERCIAL:1.7|VEHICLE - COMMERCIAL:.2|VEHICLE - DELIVERY TRUCK:.06|TAXICAB:.1|"
        "VEHICLE - RIDE SHARE SERVICE:.15|AUTO:.05|VEHICLE - COMMERCIAL: TROLLEY BUS:.01|TRUCK:.01|"
        "VEHICLE - CAMPER / TRAILER:.02|AUTO / BOAT / RV DEALERSHIP:.03"
    ),
    "civic": (
        "SCHOOL - PUBLIC BUILDING:1.9|SCHOOL - PUBLIC GROUNDS:.5|SCHOOL - PRIVATE BUILDING:.2|SCHOOL - PRIVATE GROUNDS:.1|"
        "HOSPITAL BUILDING / GROUNDS:.5|MEDICAL / DENTAL OFFICE:.15|GOVERNMENT BUILDING / PROPERTY:.3|"
        "POLICE FACILITY / VEHICLE PARKING LOT:.4|CHURCH / SYNAGOGUE / PLACE OF WORSHIP:.25|LIBRARY:.15|"
        "COLLEGE / UNIVERSITY - GROUNDS:.1|JAIL / LOCK-UP FACILITY:.15|FIRE STATION:.03|DAY CARE CENTER:.05|FEDERAL BUILDING:.03|"
        "ANIMAL HOSPITAL:.01|POOLROOM:.01|FEDERAL COURT:.01"
    ),
    "leisure": (
        "RESTAURANT:2.3|BAR OR TAVERN:.8|HOTEL / MOTEL:.6|ATHLETIC CLUB:.3|SPORTS ARENA / STADIUM:.1|MOVIE HOUSE / THEATER:.1|"
        "BARBERSHOP:.12|NIGHT CLUB:.1|BOWLING ALLEY:.02|CASINO:.02|PUBLIC GARDEN:.02|TATTOO STUDIO:.01|MUSEUM:.03|ZOO:.01"
    ),
    "business": (
        "COMMERCIAL / BUSINESS OFFICE:.8|BANK:.5|ATM (AUTOMATIC TELLER MACHINE):.25|CURRENCY EXCHANGE:.2|WAREHOUSE:.2|"
        "CONSTRUCTION SITE:.2|FACTORY / MANUFACTURING BUILDING:.15|CAR WASH:.08|ABANDONED BUILDING:.3|SAVINGS AND LOAN:.04|"
        "CREDIT UNION:.03|COIN OPERATED MACHINE:.04|PARKING METER:.01|LAUNDRY ROOM:.02|SELF-STORAGE FACILITY:.05|KENNEL:.01"
    ),
    "other": (
        "OTHER (SPECIFY):4|OTHER COMMERCIAL TRANSPORTATION:.05|INTERNET / TELEPHONE:.3|LOADING DOCK:.02|WOODED AREA:.02|ROOFTOP:.02"
    ),
}
"""Kinds of place by class, each with its weight within the whole city."""


@dataclass(frozen=True)
class Kind:
    """A kind of crime: the first level of its codes.

    Attributes:
        name: the portal's `primary_type`.
        first_code: the number from which its codes are counted.
        fbi_code: FBI class.
        share: crimes of this kind in a thousand, at the origin of the trends.
        trend: yearly change of that share, as a logarithm.
        domestic_pct: share of domestic crimes.
        rhythm: when in the week it happens, a key of `RHYTHMS`.
        area: where in the city it happens, one of `AREAS`.
        summer: how much more happens in July than on average, as a share; winter has as much less.
        places: weights of the classes of place.
        delay_hours: mean time from crime to report.
        details: `description:weight:arrest percent` separated by `|`; `{A/B}` stands for as many descriptions, falling in weight.
    """

    name: str
    first_code: int
    fbi_code: str
    share: float
    trend: float
    domestic_pct: float
    rhythm: str
    area: str
    summer: float
    places: str
    delay_hours: float
    details: str


AREAS = ("everywhere", "centre", "hot", "outskirts")

RHYTHMS = {
    # Peak hour, sharpness, and weekend days against working days.
    "day": (14.0, 0.9, 0.9),
    "shops": (16.0, 1.6, 1.1),
    "evening": (19.0, 0.9, 1.05),
    "night": (23.0, 1.1, 1.45),
    "small_hours": (1.5, 1.4, 1.8),
    "office": (11.5, 1.3, 0.55),
    "school": (12.5, 1.8, 0.35),
    "flat": (18.0, 0.35, 1.0),
}

KINDS = (
    Kind("HOMICIDE", 110, "01A", 2.2, 0.0, 8, "night", "hot", 0.25, "home 2 outdoors 6 vehicle 2 leisure .3", 2,
         "FIRST DEGREE MURDER:97:33|INVOLUNTARY MANSLAUGHTER:2:45|RECKLESS HOMICIDE:1:60"),
    Kind("CRIMINAL SEXUAL ASSAULT", 261, "02", 6, 0.02, 22, "small_hours", "everywhere", 0.1,
         "home 7 outdoors 1 leisure 1 civic .5 vehicle .6", 300,
         "NON-AGGRAVATED:60:8|PREDATORY:14:11|AGGRAVATED - {OTHER/HANDGUN/KNIFE/BLUNT OBJECT/OTHER WEAPON}:9:13|"
         "ATTEMPT - {NON-AGGRAVATED/AGGRAVATED/HANDGUN/KNIFE}:6:16"),
    Kind("ROBBERY", 312, "03", 38, 0.08, 1.5, "night", "hot", 0.08,
         "outdoors 8 shop 1.2 transit 1.5 home .4 vehicle .6 business .3", 3,
         "STRONG ARM - NO WEAPON:34:9|ARMED - {HANDGUN/KNIFE / CUTTING INSTRUMENT/OTHER DANGEROUS WEAPON/OTHER FIREARM}:40:4|"
         "AGGRAVATED:12:9|ATTEMPT - {STRONG ARM/HANDGUN/KNIFE/AGGRAVATED/OTHER WEAPON}:6:12|"
         "VEHICULAR HIJACKING - {HANDGUN/STRONG ARM/OTHER WEAPON}:7:7"),
    Kind("BATTERY", 414, "08B", 178, -0.03, 8, "evening", "hot", 0.12, "home 8 outdoors 5 leisure 1 civic 1 transit 1 shop .7", 6,
         "DOMESTIC BATTERY SIMPLE:47:14|SIMPLE:33:10|AGGRAVATED - {HANDGUN/OTHER DANGEROUS WEAPON/KNIFE/HANDS, FISTS, "
         "FEET/OTHER FIREARM}:8:22|AGGRAVATED DOMESTIC BATTERY - {OTHER DANGEROUS WEAPON/KNIFE/HANDS, FISTS, FEET/HANDGUN}:4:34|"
         "PROTECTED EMPLOYEE - {HANDS, FISTS, FEET/OTHER WEAPON/KNIFE/HANDGUN}:3:64|"
         "AGGRAVATED OF AN OFFICER - {HANDS, NO INJURY/HANDS, MINOR INJURY/OTHER WEAPON/HANDGUN}:1.2:93|"
         "OF AN UNBORN CHILD:.2:25|RECKLESS CONDUCT:.6:40|AGGRAVATED OF A SENIOR CITIZEN:.7:27"),
    Kind("ASSAULT", 520, "08A", 67, 0.06, 25, "evening", "hot", 0.1,
         "home 5 outdoors 5 civic 1.3 transit .8 shop .7 business .5", 8,
         "SIMPLE:72:10|AGGRAVATED - {HANDGUN/KNIFE / CUTTING INSTRUMENT/OTHER DANGEROUS WEAPON/OTHER FIREARM}:17:31|"
         "PROTECTED EMPLOYEE - {HANDS, FISTS, FEET/OTHER WEAPON/HANDGUN}:3:42|AGGRAVATED OF AN OFFICER - {HANDGUN/KNIFE/OTHER "
         "WEAPON}:.8:88|AGGRAVATED OF A SENIOR CITIZEN:.6:24"),
    Kind("STALKING", 580, "08A", 0.7, 0.06, 35, "flat", "everywhere", 0.0, "home 6 outdoors 2 other 1 business .6", 200,
         "SIMPLE:60:6|AGGRAVATED:20:14|CYBERSTALKING:15:3|VIOLATION OF NO CONTACT ORDER:5:30"),
    Kind("BURGLARY", 612, "05", 42, -0.15, 1, "day", "outskirts", 0.06, "home 8 business 1.5 shop 2 civic .3 leisure .5", 18,
         "FORCIBLE ENTRY:58:3.5|UNLAWFUL ENTRY:32:4|ATTEMPT FORCIBLE ENTRY:7:6|HOME INVASION:2:15|FROM MOTOR VEHICLE:1:4"),
    Kind("THEFT", 812, "06", 228, 0.02, 3.4, "shops", "centre", 0.1,
         "outdoors 5 home 3 shop 4 leisure 2 transit 1.2 business 1.5 civic .8", 30,
         "$500 AND UNDER:37:2.5|OVER $500:27:1.6|RETAIL THEFT:18:54|FROM BUILDING:13:1.2|POCKET-PICKING:2.6:2|"
         "PURSE-SNATCHING:1:7|FROM COIN-OPERATED MACHINE OR DEVICE:.5:14|ATTEMPT THEFT:.8:17|DELIVERY CONTAINER THEFT:.2:5|"
         "AGGRAVATED - FINANCIAL IDENTITY:.3:6|OF LABOR, SERVICES OR UTILITY:.3:12|OF LOST OR MISLAID PROPERTY:.3:4|"
         "BY LESSEE:.4:8"),
    Kind("MOTOR VEHICLE THEFT", 912, "07", 46, 0.38, 1, "night", "outskirts", 0.04, "outdoors 12 home 2 vehicle .3 shop .2", 12,
         "AUTOMOBILE:72:2.5|ATTEMPT - {AUTOMOBILE/CYCLE, SCOOTER OR BIKE/TRUCK, BUS OR MOTOR HOME}:9:5|"
         "CYCLE, SCOOTER OR BIKE WITH VIN:6:3|TRUCK, BUS OR MOTOR HOME:6:5|THEFT / RECOVERY - {AUTOMOBILE/TRUCK, BUS OR MOTOR "
         "HOME/CYCLE}:6:22"),
    Kind("ARSON", 1011, "09", 1.8, 0.0, 4, "small_hours", "hot", 0.05, "outdoors 4 home 5 vehicle 2 business 2", 3,
         "BY FIRE:70:9|ATTEMPT ARSON:16:16|AGGRAVATED:10:20|BY EXPLOSIVE:2:18|POSSESSION OF INCENDIARY DEVICE:2:70"),
    Kind("HUMAN TRAFFICKING", 1051, "16", 0.1, 0.05, 3, "flat", "everywhere", 0.0, "home 3 leisure 2 outdoors 1", 900,
         "COMMERCIAL SEX ACTS:60:6|INVOLUNTARY SERVITUDE:40:4"),
    Kind("DECEPTIVE PRACTICE", 1121, "11", 70, 0.12, 1, "office", "centre", 0.0,
         "home 6 business 4 shop 2 other 3 leisure .8 outdoors .8", 420,
         "CREDIT CARD FRAUD:16:4|FINANCIAL IDENTITY THEFT OVER $300:22:1.5|FINANCIAL IDENTITY THEFT $300 AND UNDER:13:1.5|"
         "FRAUD OR CONFIDENCE GAME:14:4|COUNTERFEIT CHECK:5:9|THEFT BY {LESSEE, MOTOR VEHICLE/LESSEE, NON-VEHICLE/LABOR OR "
         "SERVICES}:6:9|FORGERY:3:22|EMBEZZLEMENT:1.5:13|BOGUS CHECK:2.5:7|ILLEGAL USE OF CASH CARD:4:6|COMPUTER FRAUD:1.4:1.5|"
         "COUNTERFEITING {DOCUMENT/CURRENCY}:3:24|ATTEMPT - {FINANCIAL IDENTITY THEFT/FRAUD/FORGERY/CREDIT CARD}:2.5:5|"
         "IMPERSONATION OF {AN OFFICER/A LICENSED PERSON/A RELATIVE}:.6:35|UNAUTHORIZED VIDEOTAPING:.05:20|"
         "INSURANCE FRAUD:.1:12|POSSESSION OF {STOLEN CARD/COUNTERFEITING DEVICE/FALSE IDENTIFICATION}:.6:74|"
         "THEFT OF LOST CARD:.6:9|DECEPTIVE COLLECTION:.3:6|PUBLIC AID FRAUD:.2:14|PAY TV SERVICE OFFENSES:.04:10"),
    Kind("CRIMINAL DAMAGE", 1311, "14", 108, 0.01, 10, "night", "everywhere", 0.1,
         "outdoors 8 home 5 vehicle 1.6 shop .8 civic .7 business .6", 10,
         "TO VEHICLE:47:1.6|TO PROPERTY:41:5|CRIMINAL DEFACEMENT:6:13|TO CITY PROPERTY:2:37|TO STATE SUPPORTED PROPERTY:1.6:33|"
         "LIBRARY VANDALISM:.05:22|INSTITUTIONAL VANDALISM:.2:20|TO FIRE FIGHTING APPARATUS:.05:30"),
    Kind("CRIMINAL TRESPASS", 1331, "26", 24, -0.04, 6, "day", "centre", 0.04,
         "shop 4 home 4 civic 2 leisure 1.5 business 2 transit 1 outdoors 1", 1,
         "TO LAND:74:68|TO RESIDENCE:14:50|TO VEHICLE:6:58|TO STATE SUPPORTED LAND:4:72|TO AIRPORT:2:86"),
    Kind("WEAPONS VIOLATION", 1431, "15", 25, 0.12, 0.6, "night", "hot", 0.15, "outdoors 9 vehicle 2 home 2 transit .3", 0.5,
         "UNLAWFUL POSSESSION - {HANDGUN/OTHER FIREARM/AMMUNITION/OTHER WEAPON}:50:92|RECKLESS FIREARM DISCHARGE:24:6|"
         "UNLAWFUL USE - {HANDGUN/OTHER DANGEROUS WEAPON/OTHER FIREARM/DEFACED FIREARM}:16:88|"
         "UNLAWFUL SALE - {HANDGUN/OTHER FIREARM}:.6:68|POSSESSION BY FELON:7:94|USE OF METAL PIERCING BULLETS:.05:80|"
         "FAILURE TO REGISTER:.3:75"),
    Kind("CONCEALED CARRY LICENSE VIOLATION", 1475, "15", 0.8, 0.03, 0.3, "evening", "everywhere", 0.05,
         "outdoors 6 vehicle 2 leisure 1 transit 1", 0.3,
         "ARMED WHILE UNDER THE INFLUENCE:45:96|PROHIBITED PLACE:40:93|OTHER:15:88"),
    Kind("PROSTITUTION", 1506, "16", 2.2, -0.12, 0, "night", "hot", 0.05, "outdoors 9 leisure 2 vehicle 2 home .6", 0.2,
         "SOLICIT ON PUBLIC WAY:50:99|SOLICIT FOR BUSINESS:22:99|CALL OPERATION:8:99|PANDERING:4:92|KEEP A PLACE OF:5:96|"
         "PATRONIZING:6:99|SOLICIT OFF PUBLIC WAY:3:98|OTHER OFFENSE:2:97"),
    Kind("OBSCENITY", 1536, "17", 0.3, 0.0, 12, "day", "everywhere", 0.0, "home 5 business 1 outdoors 1 shop 1", 100,
         "OBSCENE MATTER:45:72|SALE OR DISTRIBUTION:30:84|SALE TO MINORS:15:80|OTHER:10:70"),
    Kind("PUBLIC INDECENCY", 1541, "17", 0.1, 0.0, 1, "evening", "centre", 0.1, "outdoors 5 transit 3 leisure 2", 0.5,
         "LICENSED PREMISE:60:97|PUBLIC WAY:40:93"),
    Kind("SEX OFFENSE", 1563, "17", 4, 0.0, 9, "day", "everywhere", 0.06, "home 6 outdoors 3 transit 2 civic 1", 200,
         "CRIMINAL SEXUAL ABUSE:42:11|PUBLIC INDECENCY:24:38|AGGRAVATED CRIMINAL SEXUAL ABUSE:12:14|"
         "SEXUAL EXPLOITATION OF A CHILD:8:20|INDECENT SOLICITATION OF {A CHILD/AN ADULT}:6:21|"
         "ATTEMPT CRIMINAL SEXUAL ABUSE:3:16|NON-CONSENSUAL DISSEMINATION OF PRIVATE IMAGES:4:5|SEXUAL RELATIONS IN FAMILY:.4:9|"
         "UNAUTHORIZED VIDEO RECORDING:.6:16"),
    Kind("GAMBLING", 1611, "19", 0.5, -0.1, 0, "evening", "hot", 0.2, "outdoors 9 home 1 leisure 1", 0.1,
         "GAME / DICE:70:99|GAME / CARDS:8:98|GAME / AMUSEMENT DEVICE:6:97|ILLEGAL LOTTERY:5:95|"
         "BOOKMAKING - {SPORTS/HORSES}:3:92|KEEPING A GAMBLING PLACE:2:94"),
    Kind("OFFENSE INVOLVING CHILDREN", 1721, "20", 9.5, 0.0, 49, "day", "everywhere", 0.0, "home 9 civic 2 outdoors 1", 400,
         "ENDANGERING LIFE OR HEALTH OF A CHILD:30:24|CHILD ABUSE:18:13|SEXUAL ASSAULT OF A CHILD BY {FAMILY MEMBER/OTHER/CARE "
         "GIVER}:14:14|AGGRAVATED SEXUAL ABUSE BY {FAMILY MEMBER/OTHER/CARE GIVER}:10:12|"
         "CHILD ABDUCTION - {STRANGER/FAMILY/OTHER}:6:9|CONTRIBUTING TO DELINQUENCY:3:32|CHILD ABANDONMENT:2:33|"
         "CHILD PORNOGRAPHY:5:18|HARBORING A RUNAWAY:1:18|SALE OF TOBACCO TO A MINOR:.6:86|CRIMINAL ABUSE BY NEGLECT:4:15"),
    Kind("KIDNAPPING", 1791, "26", 0.8, 0.0, 34, "evening", "hot", 0.05, "outdoors 5 home 4 vehicle 1", 10,
         "UNLAWFUL RESTRAINT:52:6|AGGRAVATED:18:8|CHILD ABDUCTION BY STRANGER:14:5|FORCIBLE DETENTION:8:10|"
         "UNLAWFUL INTERFERENCE WITH VISITATION:8:2"),
    Kind("NARCOTICS", 1811, "18", 54, -0.3, 0.1, "evening", "hot", 0.05, "outdoors 10 vehicle 2 home 1 civic .5 transit .5", 0.2,
         "POSSESS - {HEROIN (WHITE)/CANNABIS 30 GRAMS OR LESS/CRACK/COCAINE/FENTANYL/CANNABIS OVER 30 "
         "GRAMS/METHAMPHETAMINE/SYNTHETIC DRUGS/PCP/HEROIN "
         "(TAN)/HALLUCINOGENS/BARBITURATES/AMPHETAMINES/HASHISH/KETAMINE/STEROIDS}:70:99.6|"
         "MANUFACTURE / DELIVER - {HEROIN (WHITE)/CRACK/CANNABIS 30 GRAMS OR LESS/COCAINE/FENTANYL/CANNABIS OVER 30 "
         "GRAMS/METHAMPHETAMINE/PCP/SYNTHETIC DRUGS/HEROIN (TAN)/HALLUCINOGENS/LOOK-ALIKE DRUG/AMPHETAMINES}:22:99|"
         "SOLICIT NARCOTICS ON PUBLIC WAY:4:99.5|POSSESSION OF DRUG EQUIPMENT:1.5:99|FOUND SUSPECT NARCOTICS:5:62|"
         "CONSPIRACY - {DELIVERY/POSSESSION/CRIMINAL DRUG}:.4:96|FORFEIT PROPERTY:.2:80|"
         "ATTEMPT POSSESSION - {NARCOTICS/CANNABIS/PRESCRIPTION}:.7:97|DELIVERY TO A MINOR:.1:95|"
         "CALCULATED CANNABIS CONSPIRACY:.05:92"),
    Kind("LIQUOR LAW VIOLATION", 2211, "22", 1, -0.02, 0, "night", "everywhere", 0.1, "shop 5 leisure 4 outdoors 3", 0.2,
         "ILLEGAL POSSESSION BY A MINOR:32:97|SELL TO A MINOR:20:98|LICENSE VIOLATION:18:96|"
         "ILLEGAL CONSUMPTION BY A MINOR:14:97|EMPLOY A MINOR:4:92|SALE AFTER HOURS:8:95|UNLICENSED SALE:4:94"),
    Kind("OTHER NARCOTIC VIOLATION", 2251, "18", 0.05, 0.0, 0, "evening", "hot", 0.0, "outdoors 6 home 2 shop 2", 0.3,
         "INTOXICATING COMPOUNDS:80:70|UNLAWFUL PRESCRIPTION:20:55"),
    Kind("OTHER OFFENSE", 2811, "26", 66, -0.01, 30, "day", "everywhere", 0.02,
         "home 9 outdoors 4 other 1.5 civic 1 business 1", 24,
         "TELEPHONE THREAT:22:3|HARASSMENT BY TELEPHONE:15:2.5|HARASSMENT BY ELECTRONIC MEANS:12:2|"
         "VIOLATE ORDER OF PROTECTION:14:22|OTHER VEHICLE OFFENSE:11:7|OTHER CRIME AGAINST PERSON:5:12|"
         "VIOLATION OF BAIL BOND:4:75|PAROLE VIOLATION:3:93|LICENSE VIOLATION:2.5:70|ANIMAL ABUSE / NEGLECT:1.5:14|"
         "GUN OFFENDER - {DUTY TO REGISTER/ANNUAL REGISTRATION/DUTY TO REPORT CHANGE}:2.4:97|"
         "SEX OFFENDER - {FAIL TO REGISTER/FAIL TO REGISTER NEW ADDRESS/PROHIBITED ZONE}:3.2:96|OTHER WEAPONS VIOLATION:1:66|"
         "BOARD PLANE WITH WEAPON:.5:88|FALSE / STOLEN / ALTERED PLATES:1.6:36|OBSCENE TELEPHONE CALLS:.6:3|"
         "VIOLATE CIVIL NO CONTACT ORDER:.9:20|PROBATION VIOLATION:.7:92|HAZARDOUS MATERIALS:.05:40|HAZING:.02:10|"
         "CONTRABAND IN PENAL INSTITUTION:.1:80|ARSONIST - {DUTY TO REGISTER/ANNUAL REGISTRATION}:.1:95|"
         "VIOLENT OFFENDER - {DUTY TO REGISTER/ANNUAL REGISTRATION/FAIL TO REGISTER NEW ADDRESS}:.9:97|"
         "FOID CARD REVOCATION:.5:55|KEEP RABID ANIMAL:.01:20|ABUSE OF A CORPSE:.03:30"),
    Kind("NON-CRIMINAL", 2891, "26", 0.3, 0.0, 8, "day", "everywhere", 0.0, "civic 2 home 2 transit 2 other 1", 30,
         "LOST PASSPORT:60:2|FOID REVOCATION:25:12|CONCEALED CARRY REVOCATION:15:9"),
    Kind("PUBLIC PEACE VIOLATION", 3011, "24", 5, -0.02, 3, "evening", "centre", 0.15,
         "outdoors 7 civic 2 transit 1 leisure 1 shop 1", 0.5,
         "RECKLESS CONDUCT:34:60|OTHER VIOLATION:17:72|DRUNK AND DISORDERLY:8:85|FALSE POLICE REPORT:8:82|BOMB THREAT:6:20|"
         "MOB ACTION:9:78|PUBLIC DEMONSTRATION:1.5:86|FALSE FIRE ALARM:3:66|PEEPING TOM:2:22|LOOTING:.4:62|"
         "INTERFERENCE WITH EMERGENCY CALL:5:55|SELL OR ADVERTISE FIREWORKS:.8:72|ARMED VIOLENCE:2:84"),
    Kind("INTERFERENCE WITH PUBLIC OFFICER", 3711, "24", 4, -0.05, 0.6, "evening", "hot", 0.1,
         "outdoors 8 home 2 vehicle 2 civic 1", 0.2,
         "RESIST / OBSTRUCT / DISARM OFFICER:56:96|OBSTRUCTING IDENTIFICATION:16:97|OBSTRUCTING JUSTICE:14:82|ESCAPE:5:90|"
         "OBSTRUCTING SERVICE:3:92|INTERFERENCE JUDICIAL PROCESS:2:76|REFUSING TO AID AN OFFICER:1:96|"
         "UNLAWFUL USE OF RECORDER:.2:70"),
    Kind("INTIMIDATION", 3961, "26", 0.5, 0.0, 7, "day", "everywhere", 0.0, "home 5 outdoors 3 civic 2 business 1", 60,
         "EXTORTION:45:8|INTIMIDATION:35:19|COMPELLING ORGANIZATION MEMBERSHIP:6:35|EDUCATIONAL INTIMIDATION:5:30|"
         "INTIMIDATION OF A LAW ENFORCEMENT OFFICIAL:9:60"),
)  # fmt: skip


@dataclass(frozen=True)
class Detail:
    """One IUCR code.

    Attributes:
        kind: the position of its kind in `KINDS`.
        iucr: the code.
        description: second level of the code.
        share: crimes with this code in a thousand.
        arrest_share: share that leads to an arrest, before place, time and chance have their say.
    """

    kind: int
    iucr: str
    description: str
    share: float
    arrest_share: float


def all_details() -> list[Detail]:
    """Return every code of every kind, kinds in order."""
    return [detail for number, kind in enumerate(KINDS) for detail in _details_of(number, kind)]


def _details_of(number: int, kind: Kind) -> list[Detail]:
    lines = [line for text in kind.details.split("|") for line in _spread(text)]
    total = sum(weight for _, weight, _ in lines)
    return [
        Detail(number, _iucr(kind.first_code, position), name, kind.share * weight / total, percent / 100)
        for position, (name, weight, percent) in enumerate(lines)
    ]


def _spread(text: str) -> list[tuple[str, float, float]]:
    """Return description, weight and arrest percentage of each description that `text` stands for."""
    description, weight, percent = text.rsplit(":", 2)
    alternatives = re.search(r"\{(.*)\}", description)
    if alternatives is None:
        return [(description, float(weight), float(percent))]
    # A slash between words without spaces divides; one with spaces belongs to the words.
    names = re.split(r"(?<! )/(?! )", alternatives[1])
    odds = [1 / rank**1.5 for rank in range(1, len(names) + 1)]
    return [
        (description.replace(alternatives[0], name), float(weight) * part / sum(odds), float(percent))
        for name, part in zip(names, odds, strict=True)
    ]


def _iucr(first_code: int, position: int) -> str:
    """Return the code at a position: every seventh ends in a letter, as some real ones do."""
    code = f"{first_code + position:04d}"
    return code[:3] + "ABCDEFGH"[position // 7 % 8] if position % 7 == 6 else code


def all_places() -> tuple[list[str], list[str], list[float]]:
    """Return every kind of place: name, class and weight."""
    rows = [(name_and_weight.rsplit(":", 1), group) for group, text in PLACES.items() for name_and_weight in text.split("|")]
    return [name for (name, _), _ in rows], [group for _, group in rows], [float(weight) for (_, weight), _ in rows]
