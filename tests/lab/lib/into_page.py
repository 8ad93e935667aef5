"""Puts a table into its place in a page: python3 into_page.py PAGE NAME TABLE. The place is between <!-- NAME --> and <!-- /NAME -->."""
import re
import sys

path, name = sys.argv[1], sys.argv[2]
with open(path, encoding="utf-8") as file:
    page = file.read()
with open(sys.argv[3], encoding="utf-8") as file:
    table = file.read()
place = re.compile(f"(<!-- {name} -->\n).*?(<!-- /{name} -->)", re.S)
if not place.search(page):
    sys.exit(f"{path} has no place for {name}")
with open(path, "w", encoding="utf-8") as file:
    file.write(place.sub(lambda match: match[1] + table + match[2], page))
