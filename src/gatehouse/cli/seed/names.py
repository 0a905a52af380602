"""The words that seeded people are made of: names of several languages, reserved domains."""

import unicodedata

FIRST_NAMES = """
    Aaliyah Aarav Ada Adaeze Aditi Agnieszka Ahmed Aiko Aino Aisha Alejandra Alessandro
    Alexander Ali Alice Alma Álvaro Amara Amélie Amina Amir Ana Anders Andrea Andrés Anika
    Anjali Anna Antoine Antonia Arjun Arthur Asha Astrid Ava Ayumi Beatriz Ben Benjamin Birgit
    Björn Bruno Camila Carla Carlos Carmen Catarina Cem Charlotte Chidi Chiara Chloé Clara
    Claire Daan Daniel Daria David Deniz Diego Dmitri Dominik Edith Eero Eleni Elena Elias Elif
    Elin Emil Emily Emma Enzo Erik Esra Esther Ethan Eva Fabian Farah Fatima Felix Femke
    Fernando Filip Finn Florian Francesca Freya Frida Gabriel Giulia Grace Greta Gustav Hana
    Hannah Hans Haruto Hassan Helena Henrik Hugo Ibrahim Ida Ines Ingrid Irina Isabella Ivan
    Jack Jakob Jan Jana Jasmin Javier Jens Joana João Johanna Jonas José Josef Joséphine Julia
    Juan Kaito Karin Karim Katarzyna Kenji Khalid Kofi Lars Laura Layla Lea Leila Lena Leon
    Leonie Liam Lina Linh Lorenzo Louis Lucas Lucía Luis Luna Magdalena Maja Marco Maria Mariana
    Marie Mario Marta Martin Mateo Matilda Mats Max Maya Mehmet Mei Mia Mikko Mila Minh Miguel
    Mohamed Moritz Nadia Naomi Nia Nikolai Nils Nina Noah Nora Olga Oliver Olivia Omar Oscar
    Pablo Paul Paula Pedro Petra Philipp Priya Rafael Rahul Ravi Rosa Rui Ruth Samira Samuel
    Sara Sebastian Selin Sina Sofía Sofie Søren Stefan Svea Sven Tariq Theo Thiago Thomas Tilda
    Tomás Tuğba Uma Valentina Vera Viktor Wanjiru William Xavier Yara Yasmin Yuki Yusuf Zainab
    Zoë Zuzana
""".split()  # noqa: SIM905 - a list of words reads better as words

LAST_NAMES = """
    Abe Acheampong Adeyemi Ahmed Akintola Almeida Álvarez Andersson Bailey Bakker Barbosa Bauer
    Becker Bello Berg Bernard Bianchi Björk Bonnet Braun Brown Campbell Carvalho Castro Černý
    Chen Clark Conti Costa Da-Silva Dahl De-Jong Demir Díaz Dubois Duarte Durand Eriksson
    Esposito Evans Fernández Ferrari Ferreira Fischer Fontaine Foster Fuchs Fujita García
    Garnier Gómez González Greco Green Gruber Gupta Haddad Hansen Harris Hartmann Hayashi
    Heikkinen Hernández Hoffmann Horváth Hughes Huber Ibrahim Inoue Ivanova Jackson Jansen
    Jensen Johansson Jones Joshi Kamau Kaplan Kaya Kelly Khan Kim Kobayashi Koch Kovács Kowalski
    Kraus Krüger Kumar Kuznetsov Lambert Lang Larsen Laurent Le Lee Lehmann Leroy Lewis Lindberg
    Lopes López Lorenz Lund Mancini Marino Martin Martínez Mehta Meier Mendes Meyer Michel
    Mishra Mitchell Moreau Morales Moreno Morgan Müller Murphy Mwangi Nakamura Navarro Ng Nguyen
    Nielsen Nilsson Novák Nowak Nuñez Nyström O'Brien O'Connor Okafor Okoye Olsen Ortega Osei
    Owusu Özdemir Papadopoulos Patel Pereira Pérez Petersen Petit Petrov Pham Pinto Popescu
    Prieto Quinn Ramírez Ramos Rao Reddy Reyes Ribeiro Ricci Richter Rivera Roberts Rodríguez
    Rojas Romano Rossi Roux Ruiz Şahin Saito Sánchez Santos Sato Schäfer Schmidt Schneider
    Scholz Schröder Schulz Schwarz Scott Sharma Silva Simon Singh Smith Solberg Sousa Stewart
    Suzuki Svensson Takahashi Tanaka Taylor Thomas Torres Tran Turner Vargas Vasquez Virtanen
    Vogel Wagner Walker Wang Watanabe Weber White Wilson Winkler Wójcik Wolf Wong Wright
    Yamamoto Yildiz Young Zhang Zimmermann
""".split()  # noqa: SIM905 - a list of words reads better as words

# RFC 2606: nobody's mail, ever. The number of the seed follows the first word.
DOMAINS = (
    *("mail{}.example.com", "post{}.example.net", "north{}.example.com", "atlas{}.example.org"),
    *("studio{}.example.com", "campus{}.example.org", "harbour{}.example.net"),
)

LOCALES = ("en", "de", "fr", "es", "pt-BR", "it", "nl", "pl", "tr", "ja", "sv", "en-GB")
LOCALE_WEIGHTS = (30, 14, 10, 12, 9, 6, 4, 4, 4, 4, 2, 8)

_PLAIN = str.maketrans({"ß": "ss", "ø": "o", "Ø": "O", "ł": "l", "Ł": "L", "ð": "d"})


def ascii_form(name: str) -> str:
    """Return the letters of a name as they stand in an address or username."""
    decomposed = unicodedata.normalize("NFKD", name.translate(_PLAIN))
    return "".join(c for c in decomposed if c.isascii() and c.isalpha()).lower()
