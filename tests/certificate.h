/* tests/certificate.h - a certificate for "here.test" and 127.0.0.1, signed by itself, in two
 * files that go with the program or with certificate_remove. */
#ifndef TESTS_CERTIFICATE_H
#define TESTS_CERTIFICATE_H
#include "check.h"
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

static char certificate_folder[32];
static char key_file[64], cert_file[64];

static X509 *certificate_sign(EVP_PKEY *key)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 7);
    X509_gmtime_adj(X509_getm_notBefore(x), -1000);
    X509_gmtime_adj(X509_getm_notAfter(x), 100000);
    X509_set_pubkey(x, key);
    X509_NAME *name = X509_get_subject_name(x);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)"here.test",
                               -1, -1, 0);
    X509_set_issuer_name(x, name);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name,
                                            "DNS:here.test,IP:127.0.0.1");
    X509_add_ext(x, e, -1);
    X509_EXTENSION_free(e);
    CHECK(X509_sign(x, key, EVP_sha256()) > 0);
    return x;
}

static void certificate_make(void)
{
    if (*cert_file)
        return;
    strcpy(certificate_folder, "/tmp/tutti-tls-XXXXXX");
    CHECK(mkdtemp(certificate_folder));
    snprintf(key_file, sizeof key_file, "%s/key.pem", certificate_folder);
    snprintf(cert_file, sizeof cert_file, "%s/cert.pem", certificate_folder);
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *x = certificate_sign(key);
    FILE *f = fopen(key_file, "w");
    CHECK(f && PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) == 1);
    fclose(f);
    f = fopen(cert_file, "w");
    CHECK(f && PEM_write_X509(f, x) == 1);
    fclose(f);
    X509_free(x);
    EVP_PKEY_free(key);
}

static void certificate_remove(void)
{
    unlink(key_file);
    unlink(cert_file);
    rmdir(certificate_folder);
    *cert_file = 0;
}
#endif
