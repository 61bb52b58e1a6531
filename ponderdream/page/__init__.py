"""One HTML file that shows runs: `python -m ponderdream.page RUN ...`"""
