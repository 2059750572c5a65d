"""Models of the Sweet Home 3D libraries for AI2-THOR object types: chosen by hand, one line a type.

Each regular expression is matched with the whole of "library/model file", the library by its .sh3f file's name and the
file without ".obj". Other types keep the built-in shapes.
"""

from __future__ import annotations

_SCOPIA, _ZERO, _BY, _KATOR = "Scopia/", "BlendSwap-CC-0/", "BlendSwap-CC-BY/", "KatorLegaz/"


def _any(scopia: str = "", zero: str = "", by: str = "", kator: str = "") -> str:
    parts = ((_SCOPIA, scopia), (_ZERO, zero), (_BY, by), (_KATOR, kator))
    return "|".join(f"{library}(?:{files})" for library, files in parts if files)


TYPES: dict[str, str] = {
    "ArmChair": _any("armchair[0-9]?|modern_armchair", "armchair2|modernArmchair|winchesterArmchair",
                     "armchair1|fotel|armChair2", "mid-century-chair"),
    "Bed": _any("bed1|iron_bed|captains-bed", "bed[123]|bedWithTexture", "lettoCloud|juniorBed"),
    "BasketBall": _any(zero="basketball"),
    "Book": _any(by="book"),
    "Bottle": _any("wine_bottle", by="beer_bottle", kator="red-wine-bottle-01"),
    "Bowl": _any("bowl"),
    "Box": _any("cardboard-box|open-cardboard-box", "box"),
    "Bread": _any(zero="bread"),
    "ButterKnife": _any(by="knife"),
    "Candle": _any("candle|complements2"),
    "CellPhone": _any(zero="iphone", by="mobile"),
    "Chair": _any("chair[34]?|tubular_chair|white_kitchen_chair", "oakChair|plasticChair|sillaBlanca|chair2?"
                  "|antiqueChair|chairWithCushion|osakaChair", "ella_chair_f|plaidChair|kitchenChair|chair[34]"
                  "|chairWithCushion|cafe_set_tonon_chair", "dining-chair"),
    "CoffeeMachine": _any("coffee_machine", "coffeeBrewer", kator="coffee-maker"),
    "CoffeeTable": _any("saloon_table|coffee_table|coffee-table2|table_wood_and_iron", by="coffeeTable"),
    "Cup": _any("cup", "plasticCup"),
    "Desk": _any("kids_desk_table|kids_wooden_desk|wooden_office_alder_table", "desk|lbDesk",
                 "biurko3|simpleDesk|officeTable"),
    "DeskLamp": _any("desk_lamp[12]|little_lamp[123]|table_lamp", "desklamp", "lamp"),
    "DiningTable": _any("black_table|table[34]|wooden_office_pear_table_rect|white_kitchen_table|round-table"
                        "|table-with-leaning-feet", "oakTable|table", "table", "glass-dining-table"),
    "Dresser": _any(by="dresserWithDrawers"),
    "Fork": _any(by="fork"),
    "Fridge": _any(zero="refrigerator|largeFridge", kator="fridge"),
    "GarbageCan": _any(zero="dustbin", kator="bullet-trash-can"),
    "HousePlant": _any("maceta|ficus|bonsai-tree", "littlePlant|augalas|cactus|decorativePlant|plant",
                       "mediumIndoorPlant|spatifilum|yuccaPlant|decorativePlant|spider_plant|succulentPlant"),
    "Knife": _any(by="kitchenKnife"),
    "Laptop": _any(by="laptop", kator="apple-ibook-2001"),
    "LaundryHamper": _any("clothes-basket"),
    "Microwave": _any(by="microwave"),
    "Mug": _any(kator="coffee-mug"),
    "Newspaper": _any(kator="newspaper"),
    "Ottoman": _any("puff"),
    "Pan": _any(by="largePan"),
    "PaperTowelRoll": _any("paperTowelHolder"),
    "Pencil": _any("pencil[12]"),
    "Plate": _any(kator="bread-plate|dinner-plate"),
    "RemoteControl": _any("tv-remote-control"),
    "Safe": _any(by="sef-kasa"),
    "SaltShaker": _any(by="saltShaker"),
    "ShelvingUnit": _any("kids_shelves", "bookcase|shelves", "bookcase", "utility-shelving|full-bookcase"),
    "SideTable": _any(zero="bedsideTable2", by="bedsideTable"),
    "SoapBottle": _any("com_bath2_jabon_pijo|com_bath2_soap"),
    "Sofa": _any("clear_sofa|simple_sofa|beige_sofa(?:_2seats)?|burlap_sofa|leather_sofa|sofa_white_beige",
                 "couch|sofa2|winchesterSofa", "sofa[23]|couch3", "mid-century-sofa"),
    "Spoon": _any(by="spoon"),
    "SprayBottle": _any(kator="spray-bottle"),
    "Stool": _any("kitchen_stool|bar_chair", "silla2|stool2?", "green_stool", "bar-stool"),
    "TVStand": _any(by="tvStand"),
    "TeddyBear": _any(zero="teddyBear"),
    "Television": _any(zero="led_tv"),
    "TennisRacket": _any(zero="tennisRacket"),
    "Toaster": _any("toaster"),
    "Toilet": _any(zero="toiletsUnit", by="toilets_unit_jay_hardy|modernToilet"),
    "Vase": _any("vase[1235]|jar|pottery|old_jar"),
    "WashingMachine": _any("clothes_washing_machine|dryer_machine", by="washing_machine"),
    "WineBottle": _any("wine_bottle", kator="red-wine-bottle-01"),
}  # fmt: skip
"""Regular expression by object type."""
