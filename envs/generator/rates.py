"""Rates of the generator: means measured on 48 ProcTHOR houses (223 rooms, 3,949 objects), rounded.

They replace ProcTHOR's own sampling tables, so that generated houses are as full and as varied as its houses.
"""

from __future__ import annotations

ROOM_MIXES: dict[int, tuple[tuple[str, ...], ...]] = {
    1: (("Kitchen",), ("LivingRoom",), ("Bedroom",), ("Bathroom",)),
    2: (("Bedroom", "Bathroom"), ("Kitchen", "LivingRoom")),
    3: (("Bedroom", "Kitchen", "LivingRoom"), ("Bedroom", "Bathroom", "LivingRoom")),
    4: (("Bathroom", "Bedroom", "Kitchen", "LivingRoom"),),
    5: (("Bathroom", "Bedroom", "Bedroom", "Kitchen", "LivingRoom"),),
    6: (("Bathroom", "Bathroom", "Bedroom", "Bedroom", "Kitchen", "LivingRoom"),),
    7: (("Bathroom", "Bedroom", "Bedroom", "Bedroom", "Kitchen", "LivingRoom", "LivingRoom"),),
    8: (("Bathroom", "Bathroom", "Bedroom", "Bedroom", "Bedroom", "Kitchen", "LivingRoom", "LivingRoom"),),
    9: (("Bathroom",) * 3 + ("Bedroom",) * 3 + ("Kitchen", "LivingRoom", "LivingRoom"),),
    10: (
        ("Bathroom",) * 4 + ("Bedroom",) * 4 + ("Kitchen", "LivingRoom"),
        ("Bathroom",) * 3 + ("Bedroom",) * 3 + ("Kitchen",) + ("LivingRoom",) * 3,
    ),
}
"""Room types by number of rooms."""

ROOM_COUNTS: dict[int, float] = {1: 9, 2: 8, 3: 3, 4: 6, 5: 7, 6: 3, 7: 4, 8: 4, 9: 1, 10: 3}
"""Weights of the number of rooms, if the caller does not set it."""

ROOM_AREA: dict[str, tuple[float, float]] = {
    "Bedroom": (30.0, 0.33),
    "Bathroom": (14.0, 0.45),
    "Kitchen": (31.0, 0.35),
    "LivingRoom": (27.0, 0.42),
}
"""Mean area in square metres, and the spread of its logarithm."""

FURNITURE: dict[str, dict[str, float]] = {
    "Bedroom": {
        "Bed": 1.09, "Dresser": 1.0, "Painting": 1.01, "DiningTable": 0.42, "SideTable": 0.37, "ArmChair": 0.37,
        "FloorLamp": 0.35, "Box": 0.33, "HousePlant": 0.31, "Television": 0.31, "BaseballBat": 0.23,
        "GarbageCan": 0.21, "BasketBall": 0.21, "Desk": 0.19, "DogBed": 0.17, "TVStand": 0.13, "Boots": 0.04,
        "LaundryHamper": 0.04, "VacuumCleaner": 0.03, "ShelvingUnit": 0.01, "Sofa": 0.01, "CoffeeTable": 0.01,
    },
    "Bathroom": {
        "Sink": 0.96, "Toilet": 0.95, "Plunger": 0.88, "Painting": 0.88, "GarbageCan": 0.68, "SideTable": 0.11,
        "LaundryHamper": 0.11, "Dresser": 0.09, "ClothesDryer": 0.07, "WashingMachine": 0.05,
    },
    "Kitchen": {
        "Fridge": 0.97, "CounterTop": 0.97, "Painting": 1.38, "DiningTable": 0.51, "Stool": 0.49, "GarbageBag": 0.41,
        "ShelvingUnit": 0.33, "GarbageCan": 0.31, "Television": 0.28, "HousePlant": 0.15, "SideTable": 0.1,
        "Safe": 0.08,
    },
    "LivingRoom": {
        "DiningTable": 0.92, "Sofa": 0.86, "TVStand": 0.43, "Painting": 1.16, "FloorLamp": 0.57, "Television": 0.49,
        "ArmChair": 0.49, "HousePlant": 0.31, "Cart": 0.22, "Box": 0.22, "GarbageCan": 0.2, "SideTable": 0.18,
        "DogBed": 0.12, "ShelvingUnit": 0.12, "Dresser": 0.06, "RoomDecor": 0.06, "Stool": 0.02, "CoffeeTable": 0.02,
        "Safe": 0.02, "Ottoman": 0.02,
    },
}  # fmt: skip
"""Mean number of floor and wall objects by room type; chairs come with tables."""

CHAIRS: dict[str, float] = {"Bedroom": 2.5, "Bathroom": 0.0, "Kitchen": 4.2, "LivingRoom": 1.9}
"""Mean number of chairs at a table or desk."""

ON_TOP: dict[str, dict[str, float]] = {
    "DiningTable": {
        "Bowl": 0.49, "Book": 0.43, "Statue": 0.34, "Plate": 0.29, "Vase": 0.23, "Laptop": 0.23, "Pencil": 0.21,
        "Pen": 0.2, "CreditCard": 0.19, "CellPhone": 0.18, "HousePlant": 0.17, "KeyChain": 0.17,
        "RemoteControl": 0.17, "Mug": 0.15, "Watch": 0.12, "Cup": 0.11, "CD": 0.11, "DeskLamp": 0.1,
        "ButterKnife": 0.09, "Candle": 0.09, "Pan": 0.08, "Pot": 0.07, "Potato": 0.06, "Lettuce": 0.06,
        "Spoon": 0.06, "Knife": 0.06, "Fork": 0.05, "Apple": 0.05, "Newspaper": 0.05, "SaltShaker": 0.04,
        "Bread": 0.04, "WineBottle": 0.04, "SprayBottle": 0.03, "Ladle": 0.03, "Tomato": 0.03, "Toaster": 0.03,
        "CoffeeMachine": 0.02, "Box": 0.02, "BaseballBat": 0.02, "PepperShaker": 0.02, "Bottle": 0.02,
        "Kettle": 0.02, "Microwave": 0.01, "TennisRacket": 0.01, "AlarmClock": 0.01,
    },
    "CounterTop": {
        "SoapBottle": 0.74, "PepperShaker": 0.58, "ButterKnife": 0.5, "Spatula": 0.47, "Cup": 0.47, "Potato": 0.47,
        "SprayBottle": 0.47, "Spoon": 0.45, "Knife": 0.45, "Bread": 0.42, "PaperTowelRoll": 0.39, "Tomato": 0.39,
        "SaltShaker": 0.37, "Bowl": 0.34, "CoffeeMachine": 0.34, "Lettuce": 0.32, "Kettle": 0.32, "Bottle": 0.29,
        "Fork": 0.29, "DishSponge": 0.29, "Apple": 0.24, "Egg": 0.24, "Plate": 0.24, "CellPhone": 0.24,
        "CreditCard": 0.24, "Pan": 0.21, "Mug": 0.21, "Toaster": 0.18, "WineBottle": 0.18, "Book": 0.18,
        "Vase": 0.18, "HousePlant": 0.18, "Ladle": 0.18, "Pencil": 0.16, "Pot": 0.13, "Statue": 0.13,
        "Microwave": 0.13, "Pen": 0.11,
    },
    "Dresser": {
        "Book": 0.43, "Pen": 0.33, "Pencil": 0.3, "RemoteControl": 0.28, "Statue": 0.26, "KeyChain": 0.24,
        "CellPhone": 0.24, "Mug": 0.22, "HousePlant": 0.2, "AlarmClock": 0.19, "TissueBox": 0.19, "Vase": 0.19,
        "CreditCard": 0.19, "Watch": 0.17, "CD": 0.16, "DeskLamp": 0.13, "Bowl": 0.13, "Laptop": 0.1,
        "BasketBall": 0.09, "Safe": 0.07, "SoapBar": 0.01,
    },
    "Bed": {
        "Pillow": 1.11, "Book": 0.29, "RemoteControl": 0.2, "CellPhone": 0.19, "TeddyBear": 0.19, "Laptop": 0.15,
        "BasketBall": 0.14, "AlarmClock": 0.14, "BaseballBat": 0.13, "TennisRacket": 0.13, "Box": 0.13,
    },
    "Toilet": {
        "ToiletPaper": 0.85, "SprayBottle": 0.63, "Candle": 0.22, "SoapBar": 0.19, "PaperTowelRoll": 0.15,
        "Cloth": 0.13, "DishSponge": 0.13, "SoapBottle": 0.09,
    },
    "TVStand": {
        "Television": 0.94, "RemoteControl": 0.45, "KeyChain": 0.35, "Watch": 0.32, "Candle": 0.29, "Statue": 0.26,
        "TissueBox": 0.23, "Vase": 0.23, "CellPhone": 0.23, "Bowl": 0.19, "Box": 0.1, "Book": 0.1, "Plate": 0.06,
        "CreditCard": 0.06, "AlarmClock": 0.06, "Pencil": 0.03, "Pen": 0.03, "Mug": 0.03, "Newspaper": 0.03,
    },
    "SideTable": {
        "CellPhone": 0.31, "CreditCard": 0.21, "TissueBox": 0.17, "AlarmClock": 0.15, "Watch": 0.12, "Vase": 0.12,
        "RemoteControl": 0.1, "KeyChain": 0.1, "Mug": 0.1, "BaseballBat": 0.1, "Bowl": 0.1, "Pencil": 0.1,
        "DeskLamp": 0.08, "Statue": 0.08, "CD": 0.08, "Candle": 0.06, "SoapBottle": 0.06, "Pen": 0.06,
        "DishSponge": 0.06, "Book": 0.04, "Box": 0.04, "Cloth": 0.04, "SprayBottle": 0.04, "HousePlant": 0.02,
        "Laptop": 0.02, "PaperTowelRoll": 0.02, "Cup": 0.02, "Plate": 0.02, "Newspaper": 0.02,
    },
    "Desk": {
        "Pencil": 0.73, "Pen": 0.67, "Book": 0.67, "KeyChain": 0.67, "RemoteControl": 0.47, "CreditCard": 0.4,
        "Watch": 0.4, "Mug": 0.4, "Statue": 0.33, "CellPhone": 0.33, "DeskLamp": 0.33, "CD": 0.33, "Bowl": 0.27,
        "Dumbbell": 0.2, "TissueBox": 0.2, "BaseballBat": 0.13, "Desktop": 0.13, "Vase": 0.07, "Box": 0.07,
        "AlarmClock": 0.07, "TeddyBear": 0.07,
    },
    "Fridge": {"Egg": 1.34, "Lettuce": 0.34, "Tomato": 0.34, "Apple": 0.26, "Potato": 0.24, "WineBottle": 0.08},
    "Sink": {"Faucet": 1.0, "DishSponge": 0.45, "SoapBottle": 0.22},
    "Sofa": {
        "Pillow": 0.53, "RemoteControl": 0.51, "Newspaper": 0.23, "Laptop": 0.21, "Book": 0.19, "CellPhone": 0.19,
        "Pencil": 0.16,
    },
    "ShelvingUnit": {"Vase": 0.4, "Statue": 0.35, "Book": 0.3, "SprayBottle": 0.15, "HousePlant": 0.1, "Apple": 0.1},
    "Chair": {"CellPhone": 0.02, "Pencil": 0.01, "Book": 0.01, "Bowl": 0.01, "RemoteControl": 0.01, "Mug": 0.01},
    "ArmChair": {"RemoteControl": 0.06, "Book": 0.06, "Box": 0.04, "Pillow": 0.04, "CellPhone": 0.04, "Laptop": 0.02},
    "CoffeeTable": {"Watch": 1.0, "Book": 0.5, "HousePlant": 0.5, "CellPhone": 0.5},
}  # fmt: skip
"""Mean number of each type on one piece of furniture."""
