"""The dashboard under `/app`: pages for people, made on the server, usable without JavaScript.

routes      one module a page, thin: who may, what is read, which function of the API's is called
views       what a page says, as plain values: no input or output, tested without a browser
templates   Jinja2 with autoescape; static holds the style sheet and two scripts
"""
